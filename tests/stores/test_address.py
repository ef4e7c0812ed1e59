from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.stores.address import Address, parse_address, public_parts

SECRET = "s3cr3t-pa55"


@pytest.mark.parametrize(
    "url, expected",
    [
        ("valkey://store", Address(kind="single", hosts=(("store", 6379),))),
        ("redis://10.0.0.1:7000/3", Address(kind="single", hosts=(("10.0.0.1", 7000),), database=3)),
        ("valkey://[::1]:7000", Address(kind="single", hosts=(("::1", 7000),))),
        ("valkeys://store", Address(kind="single", hosts=(("store", 6379),), tls=True)),
        (
            "rediss://u:p%40%2F@store?ca=/etc/ca.pem",
            Address(kind="single", hosts=(("store", 6379),), tls=True, ca="/etc/ca.pem", username="u", password="p@/"),
        ),
        ("valkey://:p@store", Address(kind="single", hosts=(("store", 6379),), password="p")),
        ("unix:///run/valkey.sock", Address(kind="unix", path="/run/valkey.sock")),
        ("unix://u:p@/run/a%20b.sock", Address(kind="unix", path="/run/a b.sock", username="u", password="p")),
        (
            "valkey+sentinel://a:1,b,[::1]:3/mymaster/2",
            Address(kind="sentinel", hosts=(("a", 1), ("b", 26379), ("::1", 3)), service="mymaster", database=2),
        ),
        ("redis+cluster://a:7000,b", Address(kind="cluster", hosts=(("a", 7000), ("b", 6379)))),
        ("VALKEY://store", Address(kind="single", hosts=(("store", 6379),))),
        ("valkeys+cluster://a/0", Address(kind="cluster", hosts=(("a", 6379),), tls=True)),
    ],
)
def test_every_kind_is_read(url: str, expected: Address) -> None:
    assert parse_address(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "store:6379",
        "http://store",
        "valkey+ssl://store",
        "memcached://store",
        "valkey://",
        "valkey://:6379",
        "valkey://store:0",
        "valkey://store:65536",
        "valkey://store:port",
        "valkey://a,b",
        "valkey://a/x",
        "valkey://a/1/2",
        "valkey://a/-1",
        "valkey://a?db=1",
        "valkey://a?ca=/x",
        "valkeys://a?ssl_cert_reqs=none",
        "valkeys://a#x",
        "valkey+sentinel://a",
        "valkey+cluster://a/1",
        "unix://store/run/x",
        "unix:relative",
        "unix:///x?db=1",
        "valkey://[::1",
        "valkey://a b",
        "valkey://a\n",
        "valkey:///0",
        " valkey://a",
    ],
)
def test_what_is_not_one_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|written|host|service|database|fragment"):
        parse_address(url)


@given(st.text(), st.sampled_from(["valkey", "rediss", "unix", "valkey+sentinel", "valkey+cluster", "x"]))
def test_whatever_is_written_it_is_read_or_refused_in_our_words(text: str, scheme: str) -> None:
    problem: ValueError | None = None
    try:
        parse_address(f"{scheme}://:{SECRET}@{text}")
    except ValueError as error:
        problem = error
    if problem is not None:
        assert SECRET not in str(problem)
        assert problem.__suppress_context__ or problem.__context__ is None


@given(st.text(alphabet="a:@/?#[],%", max_size=12), st.sampled_from(["valkey", "unix", "valkey+sentinel"]))
def test_what_may_be_shown_has_no_credentials(text: str, scheme: str) -> None:
    url = f"{scheme}://u:{SECRET}@{text}"
    shown = public_parts(url)
    assert shown.startswith(f"{scheme}://")
    assert SECRET not in shown
    with suppress(ValueError):
        assert all(host in shown for host, _ in parse_address(url).hosts)


def test_what_is_no_url_is_not_shown() -> None:
    assert public_parts(SECRET) == ""


def test_it_never_shows_the_credentials() -> None:
    address = parse_address(f"valkey://{SECRET}:{SECRET}@[::1]:7000")
    assert str(address) == "[::1]:7000"
    assert SECRET not in repr(address)
