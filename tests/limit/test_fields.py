from __future__ import annotations

import json
from math import ceil
from pathlib import Path
from typing import Any

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.limit.bucket import take
from ostiary.limit.fields import LimitFields, sf_string

VECTORS = Path(__file__).parents[3] / "shared/vectors/structured-field-tests/serialisation-tests/string-generated.json"


def parsed(lines: bytes) -> dict[str, tuple[str, dict[str, int]]]:
    """Both fields as a structured-field parser reads them: name to the only member and its parameters."""
    found: dict[str, Any] = {}
    *fields, end = lines.split(b"\r\n")
    assert end == b""
    for field in fields:
        name, _, value = field.partition(b": ")
        members: Any = http_sf.parse(value, tltype="list")
        [found[name.decode()]] = members
    return found


def test_as_in_the_draft() -> None:
    fields = LimitFields("default", rate=10.0, burst=100)
    _, taken = take(None, 10.0, 100, 50.0, 0.0)
    assert fields.render(taken) == b'RateLimit-Policy: "default";q=100;w=10\r\nRateLimit: "default";r=50;t=5\r\n'


def test_with_nothing_left_the_window_ends_with_the_next_token() -> None:
    fields = LimitFields("default", rate=0.1, burst=2)
    bucket, _ = take(None, 0.1, 2, 2.0, 0.0)
    bucket, refused = take(bucket, 0.1, 2, 1.0, 3.0)
    assert parsed(fields.render(refused))["RateLimit"] == ("default", {"r": 0, "t": 7})
    assert ceil(refused.retry_after) == 7


@given(
    rate=st.floats(1e-6, 1e6),
    burst=st.integers(1, 10**9),
    story=st.lists(st.tuples(st.floats(0, 1e5), st.integers(1, 10)), min_size=1, max_size=10),
)
def test_never_promises_more_than_the_bucket_keeps(rate: float, burst: int, story: list[tuple[float, int]]) -> None:
    fields, bucket, now = LimitFields("api", rate, burst), None, 0.0
    for step, cost in story:
        now += step
        bucket, taken = take(bucket, rate, burst, float(cost), now)
        found = parsed(fields.render(taken))
        (name, policy), (same, limit) = found["RateLimit-Policy"], found["RateLimit"]
        assert name == same == "api"
        assert policy["q"] == burst
        assert policy["w"] >= 1
        assert policy["q"] <= policy["w"] * rate * (1 + 1e-9) or policy["w"] == ceil(burst / rate)
        assert 0 <= limit["r"] <= burst
        assert limit["t"] >= 1
        # Section 8.5: a client that divides r by t must not find more than the rate. A single second is the least.
        assert limit["r"] <= limit["t"] * rate * (1 + 1e-9) or limit["t"] == ceil(limit["r"] / rate)
        if not taken.allowed and cost == 1:
            # Section 6: Retry-After is not earlier than the end of the window.
            assert max(ceil(taken.retry_after), 1) >= limit["t"]


@given(st.text())
def test_a_name_is_read_back_or_refused(name: str) -> None:
    try:
        fields = LimitFields(name, 1.0, 1)
    except ValueError:
        assert not name.isascii() or not name.isprintable()
    else:
        _, taken = take(None, 1.0, 1, 1.0, 0.0)
        assert parsed(fields.render(taken))["RateLimit"][0] == name


@pytest.mark.skipif(not VECTORS.exists(), reason="the shared vectors are not here")
def test_strings_of_the_structured_field_suite() -> None:
    for case in json.loads(VECTORS.read_bytes()):  # noqa: TID251 - vectors are ours to trust
        text = case["expected"][0]
        if case.get("must_fail"):
            with pytest.raises(ValueError, match="printable ASCII"):
                sf_string(text)
        else:
            assert sf_string(text) == case["canonical"][0]


def test_numbers_stay_integers_of_a_structured_field() -> None:
    fields = LimitFields("slow", 1e-9, 10**9)
    _, taken = take(None, 1e-9, 10**9, 1e9, 0.0)
    assert parsed(fields.render(taken))["RateLimit"][1]["t"] == 10**9
    assert parsed(fields.render(taken))["RateLimit-Policy"][1]["w"] == 10**15 - 1
