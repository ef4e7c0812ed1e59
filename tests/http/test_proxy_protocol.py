"""The PROXY protocol: one reading or none, whatever the header is cut into, and nothing behind it counts."""

from __future__ import annotations

import timeit
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ostiary.http.forwarded import read_address
from ostiary.http.proxy_protocol import BadHeader, Header, read_header
from tests.support.proxy_headers import LOCAL, PROXY, SIGNATURE, addresses, binary, line, raw, record

MOST = 4096
LONGEST = (
    b"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"
)
NOWHERE = "0.0.0.0"  # noqa: S104  # told of, not bound
FOUR = addresses("192.0.2.7")
SIX = addresses("2001:db8::7")


def read(data: bytes) -> Header | BadHeader | None:
    return read_header(data, MOST)


@pytest.mark.parametrize(
    "header,address",
    [
        (b"PROXY TCP4 192.0.2.7 203.0.113.1 4711 443\r\n", "192.0.2.7"),
        (b"PROXY TCP4 1.1.1.1 1.1.1.1 0 0\r\n", "1.1.1.1"),
        (b"PROXY TCP4 255.255.255.254 0.0.0.0 65535 65535\r\n", "255.255.255.254"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", "2001:db8::7"),
        (b"PROXY TCP6 2001:DB8:0:0:0:0:0:7 :: 1 2\r\n", "2001:db8::7"),
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:203.0.113.1 1 2\r\n", "192.0.2.7"),
        (b"PROXY TCP6 ::ffff:c000:207 ::1 1 2\r\n", "192.0.2.7"),
        (b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", "127.0.0.1"),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN whatever  it says\r\n", None),
        (b"PROXY UNKNOWN 192.0.2.7 203.0.113.1 4711 443\r\n", None),
        (LONGEST, None),
    ],
)
def test_version_1(header: bytes, address: str | None) -> None:
    assert read(header) == Header(len(header), address)


@pytest.mark.parametrize(
    "header,address",
    [
        (raw(PROXY, 0x11, FOUR), "192.0.2.7"),
        (raw(PROXY, 0x21, SIX), "2001:db8::7"),
        (raw(PROXY, 0x21, addresses("::ffff:192.0.2.7")), "192.0.2.7"),
        (raw(PROXY, 0x11, FOUR + record(0x01, b"h2") + record(0x04, b"") + record(0xEA, bytes(900))), "192.0.2.7"),
        (raw(PROXY, 0x11, FOUR + record(0x00, b"") * 1300), "192.0.2.7"),
        (binary("192.0.2.7", record(0x04, bytes(9)), checked=True), "192.0.2.7"),
        (binary("2001:db8::7", checked=True), "2001:db8::7"),
        (raw(PROXY, 0x00, b""), None),
        (raw(PROXY, 0x00, record(0x02, b"host.example")), None),
        (raw(LOCAL, 0x00, b""), None),
        (raw(LOCAL, 0x11, FOUR), None),
        (raw(LOCAL, 0xFF, b"\0\xff\xff anything, for it is ignored"), None),
    ],
)
def test_version_2(header: bytes, address: str | None) -> None:
    assert read(header) == Header(len(header), address)


@pytest.mark.parametrize(
    "header",
    [
        b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", b"proxy TCP4 192.0.2.7 203.0.113.1 1 2\r\n", b" ", b"\n", b"\r\n\r\nG",
        b"\r\nPROXY", b"PROXY\tTCP4", b"PROXY  TCP4 192.0.2.7 203.0.113.1 1 2\r\n", b"PROXY \r\n",
        b"PROXY TCP4 192.0.2.7 203.0.113.1 1 2\n", b"PROXY TCP4 192.0.2.7 203.0.113.1 1 2\r \r\n",
        b"PROXY TCP4 192.0.2.7 203.0.113.1 1 2 \r\n", b"PROXY TCP4 192.0.2.7 203.0.113.1 1\r\n",
        b"PROXY TCP4 192.0.2.7 203.0.113.1 1 2 3\r\n", b"PROXY TCP4 192.0.2.7  203.0.113.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7\t203.0.113.1 1 2\r\n", b"PROXY TCP4\r\n", b"PROXY TCP 192.0.2.7 203.0.113.1 1 2\r\n",
        b"PROXY tcp4 192.0.2.7 203.0.113.1 1 2\r\n", b"PROXY UDP4 192.0.2.7 203.0.113.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 203.0.113.1 01 2\r\n", b"PROXY TCP4 192.0.2.7 203.0.113.1 1 00\r\n",
        b"PROXY TCP4 192.0.2.7 203.0.113.1 65536 2\r\n", b"PROXY TCP4 192.0.2.7 203.0.113.1 1 99999\r\n",
        b"PROXY TCP4 192.0.2.7 203.0.113.1 -1 2\r\n", b"PROXY TCP4 192.0.2.7 203.0.113.1 +1 2\r\n",
        b"PROXY TCP4 192.0.2.7 203.0.113.1 1e2 2\r\n", b"PROXY TCP4 192.0.2.7 203.0.113.1  2\r\n",
        b"PROXY TCP4 192.0.2.07 203.0.113.1 1 2\r\n", b"PROXY TCP4 192.0.2 203.0.113.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.256 203.0.113.1 1 2\r\n", b"PROXY TCP4 0x7f.0.0.1 203.0.113.1 1 2\r\n",
        b"PROXY TCP4 3221225991 203.0.113.1 1 2\r\n", b"PROXY TCP4 192.0.2.7 host.example 1 2\r\n",
        b"PROXY TCP4 192.0.2.7 2001:db8::1 1 2\r\n", b"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 203.0.113.1 1 2\r\n", b"PROXY TCP6 2001:db8::7 203.0.113.1 1 2\r\n",
        b"PROXY TCP6 fe80::1%eth0 2001:db8::1 1 2\r\n", b"PROXY TCP6 [2001:db8::7] 2001:db8::1 1 2\r\n",
        b"PROXY TCP6 2001:db8:::7 2001:db8::1 1 2\r\n", b"PROXY TCP6 2001::db8::7 2001:db8::1 1 2\r\n",
        b"PROXY TCP6 2001:db8::00007 2001:db8::1 1 2\r\n", b"PROXY TCP6 1:2:3:4:5:6:7 2001:db8::1 1 2\r\n",
        b"PROXY UNKNOWN2\r\n", b"PROXY UNKNOWN\x00\r\n", b"PROXY UNKNOWN \xff\r\n", b"PROXY UNKNOWN \x1b[2J\r\n",
        b"PROXY UNKNOWN a\nb\r\n", b"PROXY UNKNOWN a\rb\r\n", LONGEST.replace(b"\r", b"1\r"), b"PROXY " + b"x" * 200,
        # No client has such an address.
        line(NOWHERE), line("::"), line("224.0.0.1"), line("ff02::1"), line("255.255.255.255"),
        line("::ffff:0.0.0.0"), binary(NOWHERE), binary("::"), binary("ff02::1"), binary("239.1.2.3"),
        # Version 2, with one thing wrong.
        raw(0x10 | 1, 0x11, FOUR), raw(0x30 | 1, 0x11, FOUR), raw(0x22, 0x11, FOUR), raw(0x2F, 0x11, FOUR),
        raw(PROXY, 0x10, FOUR), raw(PROXY, 0x12, FOUR), raw(PROXY, 0x22, SIX), raw(PROXY, 0x31, bytes(216)),
        raw(PROXY, 0x32, bytes(216)), raw(PROXY, 0x01, b""), raw(PROXY, 0x41, FOUR), raw(PROXY, 0x13, FOUR),
        raw(PROXY, 0x11, FOUR[:-1]), raw(PROXY, 0x21, SIX[:-1]), raw(PROXY, 0x21, FOUR), raw(PROXY, 0x11, b""),
        raw(PROXY, 0x11, FOUR, MOST - 15), raw(PROXY, 0x11, FOUR, 65535), raw(LOCAL, 0x00, b"", MOST - 15),
        raw(PROXY, 0x11, FOUR + b"\x01"), raw(PROXY, 0x11, FOUR + b"\x01\x00"),
        raw(PROXY, 0x11, FOUR + b"\x01\x00\x01"),
        raw(PROXY, 0x11, FOUR + record(0x04, b"abc")[:-1]), raw(PROXY, 0x11, FOUR + record(0x04, b"") + b"\x04"),
        raw(PROXY, 0x00, b"\x04"), raw(PROXY, 0x11, FOUR + record(0x03, b"abc")),
        raw(PROXY, 0x11, FOUR + record(0x03, bytes(5))), raw(PROXY, 0x11, FOUR + record(0x03, b"")),
        raw(PROXY, 0x11, FOUR + record(0x03, bytes(4))), raw(PROXY, 0x00, record(0x03, bytes(4))),
        binary("192.0.2.7", checked=True)[:-1] + b"\x00",
        binary("192.0.2.7", record(0x03, bytes(4)), checked=True),
    ],
)  # fmt: skip
def test_refused(header: bytes) -> None:
    assert isinstance(read(header), BadHeader)
    assert isinstance(read(header + b"GET / HTTP/1.1\r\n\r\n"), BadHeader), "what follows does not mend it"


def test_the_bound_is_on_the_whole_header() -> None:
    header = raw(PROXY, 0x11, FOUR + record(0x04, bytes(500)))
    assert read_header(header, len(header)) == Header(len(header), "192.0.2.7")
    assert isinstance(read_header(header, len(header) - 1), BadHeader)
    assert isinstance(read_header(header[:16], len(header) - 1), BadHeader), "nobody waits for what would be too long"


def test_the_longest_line_is_107_octets() -> None:
    assert len(LONGEST) == 107
    assert read(LONGEST[:-1]) is None
    assert isinstance(read(b"PROXY UNKNOWN " + b"x" * 93), BadHeader)


def test_its_cost_grows_with_the_header_and_no_faster() -> None:
    """Best of several with a generous bound, so that a busy machine does not decide."""

    def cost(size: int) -> float:
        header = raw(PROXY, 0x11, FOUR + record(0x04, b"") * ((size - 12 - 7) // 3) + record(0x03, bytes(4)))
        assert isinstance(read_header(header, 16 + 65535), BadHeader)
        return timeit.timeit(lambda: read_header(header, 16 + 65535), number=1)

    times = [(cost(65535 // 8), cost(65535)) for _ in range(7)]
    assert min(long for _, long in times) < 24 * min(short for short, _ in times)  # 8 times, where a square is 64


_TELLABLE = st.ip_addresses().filter(
    lambda ip: (
        not (ip.is_unspecified or ip.is_multicast or str(ip) == "255.255.255.255")
        and not (isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None)
    )
)
_PORTS = st.integers(0, 65535)
_RECORDS = st.lists(
    st.builds(record, st.integers(0, 255).filter(lambda kind: kind != 0x03), st.binary(max_size=40)), max_size=4
)


def _headers() -> st.SearchStrategy[tuple[bytes, str | None]]:
    """Good headers, with the address that they tell."""
    pairs = st.tuples(_TELLABLE, _TELLABLE).filter(lambda pair: type(pair[0]) is type(pair[1]))
    ends = st.tuples(pairs, _PORTS, _PORTS)
    version_1 = ends.map(
        lambda end: (line(str(end[0][0]), str(end[0][1]), end[1], end[2]), read_address(str(end[0][0])))
    )
    version_2 = st.builds(
        lambda source, records, checked: (binary(str(source), *records, checked=checked), read_address(str(source))),
        _TELLABLE,
        _RECORDS,
        st.booleans(),
    )
    unknown = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=91).map(
        lambda text: (b"PROXY UNKNOWN %b\r\n" % text.encode(), None)
    )
    local = st.builds(lambda kind, content: (raw(LOCAL, kind, content), None), st.integers(0, 255), st.binary())
    return version_1 | version_2 | unknown | local


@given(_headers(), st.binary(max_size=200))
def test_good_ones_are_read_as_they_were_meant(header: tuple[bytes, str | None], rest: bytes) -> None:
    octets, address = header
    assert read(octets + rest) == Header(len(octets), address)
    if address is not None:
        assert read_address(address) == address


@given(_headers())
def test_a_header_is_complete_with_its_last_octet_and_not_before(header: tuple[bytes, str | None]) -> None:
    octets, _ = header
    assert [read(octets[:end]) for end in range(len(octets))] == [None] * len(octets)


@given(_headers(), st.data())
def test_what_is_refused_stays_refused(header: tuple[bytes, str | None], data: st.DataObject) -> None:
    octets = bytearray(header[0])
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    found = [read(bytes(octets[:end])) for end in range(len(octets) + 1)]
    first = next((at for at, each in enumerate(found) if each is not None), len(found))
    assert all(isinstance(each, type(found[first])) for each in found[first:])


@given(_TELLABLE, _PORTS, st.data())
def test_a_changed_line_is_refused_or_says_what_it_says(
    source: IPv4Address | IPv6Address, port: int, data: st.DataObject
) -> None:
    octets = bytearray(line(str(source), source_port=port))
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    found = read(bytes(octets))
    if isinstance(found, Header):
        word, family, told, other, *ports = bytes(octets[:-2]).decode("ascii").split(" ")
        assert (word, found.length) == ("PROXY", len(octets))
        assert {ip_address(told).version, ip_address(other).version} == {int(family.removeprefix("TCP"))}
        assert [str(int(each)) for each in ports] == ports
        assert found.address == read_address(told)


@given(_TELLABLE, _RECORDS, st.data())
def test_a_changed_header_with_a_checksum_tells_of_nobody_else(
    source: IPv4Address | IPv6Address, records: list[bytes], data: st.DataObject
) -> None:
    octets = bytearray(binary(str(source), *records, checked=True))
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    found = read(bytes(octets))
    assert not isinstance(found, Header) or found.address in {read_address(str(source)), None}


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: SIGNATURE + tail))
@example(b"")
def test_whatever_comes_it_is_judged_at_once(data: bytes) -> None:
    found = read(data)
    if isinstance(found, Header):
        assert 0 < found.length <= len(data)
        assert read(data[: found.length]) == found
