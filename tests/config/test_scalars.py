from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ostiary.config.scalars import (
    ClaimValue,
    Count,
    Duration,
    Endpoint,
    Flag,
    Listen,
    Network,
    Rate,
    ServerError,
    Share,
    Size,
    Status,
    Workers,
)

WRITTEN = object()
"""Any validation context: the value comes from a file."""


def adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - whatever may annotate a field
    return TypeAdapter(kind)


def read(kind: object, value: object) -> object:
    return adapter(kind).validate_python(value, context=WRITTEN)


@pytest.mark.parametrize(
    "kind,text,value",
    [
        (Duration, "500ms", 0.5),
        (Duration, "1.5s", 1.5),
        (Duration, "5m", 300.0),
        (Duration, "1h", 3600.0),
        (Duration, "1d", 86400.0),
        (Duration, "0s", 0.0),
        (Size, "64KiB", 65536),
        (Size, "10MiB", 10 * 1024**2),
        (Size, "1GiB", 1024**3),
        (Size, "512", 512),
        (Size, "512B", 512),
        (Size, 512, 512),
        (Rate, "100/s", 100.0),
        (Rate, "0.5/s", 0.5),
        (Rate, "6/min", 0.1),
        (Rate, "36/h", 0.01),
        (Rate, "864/d", 0.01),
        (Listen, "127.0.0.1:8080", Endpoint("127.0.0.1", 8080)),
        (Listen, "[::1]:0", Endpoint("::1", 0)),
        (Listen, "[0:0::1]:1", Endpoint("::1", 1)),
        (Listen, "gateway.internal:65535", Endpoint("gateway.internal", 65535)),
        (Network, "10.0.0.0/8", ipaddress.ip_network("10.0.0.0/8")),
        (Network, "192.0.2.7", ipaddress.ip_network("192.0.2.7/32")),
        (Network, "fd00::/8", ipaddress.ip_network("fd00::/8")),
        (Count, 7, 7),
        (Count, "7", 7),
        (Workers, "auto", "auto"),
        (Workers, "2", 2),
        (Share, "0.25", 0.25),
        (Share, 1, 1.0),
        (Flag, True, True),
        (Flag, "false", False),
        (ClaimValue, True, True),
        (ClaimValue, 1, 1),
        (ClaimValue, "1", "1"),
    ],
)
def test_what_is_written_becomes_a_value(kind: object, text: object, value: object) -> None:
    found = read(kind, text)
    assert (found, type(found)) == (value, type(value))


def each(kind: object, *values: object) -> list[tuple[object, object]]:
    return [(kind, value) for value in values]


@pytest.mark.parametrize(
    "kind,value",
    [
        *each(Duration, 5, 5.0, True, "5", "5 s", "-5s", "5S", "1h30m", "1e3s", "\u0663s", "4000d", None, []),
        *each(Size, -1, True, 1.0, "64KB", "64 KiB", "64kib", "-1", "1.5MiB", "9" * 15 + "GiB", None),
        *each(Rate, 5, "5", "0/s", "5/m", "5/week", "-1/s", "/s", "inf/s", None),
        *each(Listen, 8080, ":8080", "8080", "127.0.0.1", "::1:80", "[::1]", "1.2.3:80", "1.2.3.999:80", "a_b:1"),
        *each(Listen, "*:80", "a:65536", "a:-1", "http://a:80", "-a:80", ["a", 80], None),
        *each(Network, "10.0.0.1/8", "10.0.0.0/33", "10.*", "everywhere", 167772160, None),
        *each(Count, True, 1.0, "1.0", "010", "0x10", "0o10", "1_000", "1:30", "", "\u0661", None),
        *each(Workers, 0, 257, "many", True, None),
        *each(Share, "nan", "inf", ".5", True, float("nan"), None),
        *each(Flag, "yes", "no", "on", "off", "True", "1", 1, 0, None),
        *each(ClaimValue, 1.5, None, [], {}),
    ],
)
def test_what_could_be_misread_is_refused(kind: object, value: object) -> None:
    with pytest.raises(ValidationError):
        read(kind, value)


def test_python_gives_plain_numbers() -> None:
    assert TypeAdapter(Duration).validate_python(0.05) == 0.05
    assert TypeAdapter(Rate).validate_python(100) == 100.0
    assert TypeAdapter(Listen).validate_python(["::1", 80]) == Endpoint("::1", 80)


@pytest.mark.parametrize("kind", [Duration, Size])
def test_python_gives_no_negative_ones(kind: object) -> None:
    with pytest.raises(ValidationError, match="is less than 0"):
        adapter(kind).validate_python(-1)


@given(st.floats(0, 3e8, allow_subnormal=False).map(lambda seconds: round(seconds, 3)))
def test_durations_are_shown_as_they_may_be_written(seconds: float) -> None:
    adapter = TypeAdapter(Duration)
    assert adapter.validate_python(adapter.dump_python(seconds, mode="json"), context=WRITTEN) == seconds


@given(st.integers(0, 2**50))
def test_sizes_are_shown_as_they_may_be_written(size: int) -> None:
    adapter = TypeAdapter(Size)
    assert adapter.validate_python(adapter.dump_python(size, mode="json"), context=WRITTEN) == size


@pytest.mark.parametrize("text", ["127.0.0.1:80", "[::1]:80", "localhost:0"])
def test_an_endpoint_is_shown_as_it_is_written(text: str) -> None:
    assert str(read(Listen, text)) == text


@pytest.mark.parametrize(
    "kind, good, bad",
    [(Status, [200, "404", 599], [100, 600, "2xx", True]), (ServerError, [500, 599], [499, 404, 600])],
)
def test_statuses(kind: object, good: list[object], bad: list[object]) -> None:
    assert [read(kind, value) for value in good] == [int(str(value)) for value in good]
    for value in bad:
        with pytest.raises(ValidationError):
            read(kind, value)


@given(st.text() | st.integers() | st.floats() | st.binary() | st.none() | st.lists(st.integers()))
def test_anything_is_a_value_or_refused(value: object) -> None:
    kinds: list[object] = [Duration, Size, Rate, Listen, Network, Count, Workers, Share, Flag, ClaimValue]
    for kind in kinds:
        try:
            read(kind, value)
        except ValidationError:
            continue
