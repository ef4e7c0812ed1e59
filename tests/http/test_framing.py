"""Framing: one way to read a head, or none."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ostiary.config.model import Match
from ostiary.http.framing import (
    BAD_CODING,
    BAD_EXPECTATION,
    BAD_HOST,
    BAD_LENGTH,
    BAD_METHOD,
    BAD_STATUS,
    BAD_TARGET_FORM,
    BAD_UPGRADE,
    BAD_VERSION,
    CHUNKED,
    HOST_MISMATCH,
    TWO_FRAMINGS,
    UNTIL_CLOSE,
    UNWANTED_BODY,
    BadFraming,
    Framing,
    Head,
    connection_options,
    origin_form,
    persistent,
    plain_framing,
    request_framing,
    response_framing,
)

PLAIN = Head(b"GET", "1.1", (b"h",))
NO_METHODS = [
    b"", b"CONNECT", b"TRACE", b"PRI", b"G T", b'G=":<>', b"GET\n", b"G\xcbT", b"X" * 33, b"get", b"Get", b"head",
    b"post", b"TrAcE", b"connect", b"helloGET", b"POST*", b"POST_", b"M1", b"-GET",
]  # fmt: skip
UPGRADING = {"connection": (b"Upgrade",), "upgrade": (b"websocket",)}


def framing(**changes: object) -> Framing:
    """Return the framing of a plain request with some changes, which must be in order."""
    found = request_framing(msgspec.structs.replace(PLAIN, **changes))
    assert isinstance(found, Framing), found
    return found


def test_plain_request() -> None:
    found = framing()
    assert (found.host.name, found.body, found.keep_alive) == ("h", 0, True)
    assert (found.expects_continue, found.upgrade, found.options) == (False, b"", frozenset())


@pytest.mark.parametrize(
    "values,body",
    [((b"0",), 0), ((b"1",), 1), ((b"10",), 10), ((b" 5\t",), 5), ((b"9007199254740992",), 2**53)],
)
def test_length(values: tuple[bytes, ...], body: int) -> None:
    assert framing(lengths=values).body == body
    assert response_framing(200, b"GET", "1.1", values, ()) == body


BAD_LENGTHS = [
    (b"",), (b" ",), (b"5", b"5"), (b"5", b"6"), (b"5, 5",), (b"5,",), (b"+1",), (b"-1",), (b"0x10",), (b"1_0",),
    (b"010",), (b"00",), (b"1 0",), (b"1.0",), (b"1e3",), (b"\xb2",), (b"\xd9\xa1",), (b"\x0b1",), (b"1\r",),
    (b"9007199254740993",), (b"18446744073709551617",), (b"9" * 5000,),
]  # fmt: skip


@pytest.mark.parametrize("values", BAD_LENGTHS)
def test_bad_length(values: tuple[bytes, ...]) -> None:
    assert request_framing(msgspec.structs.replace(PLAIN, lengths=values)) is BAD_LENGTH
    assert response_framing(200, b"GET", "1.1", values, ()) is BAD_LENGTH


@pytest.mark.parametrize("value", [b"chunked", b"Chunked", b" CHUNKED\t"])
def test_chunked(value: bytes) -> None:
    assert framing(codings=(value,)).body == CHUNKED
    assert response_framing(200, b"GET", "1.1", (), (value,)) == CHUNKED


BAD_CODINGS = [
    (b"",), (b",chunked",), (b"chunked,",), (b"xchunked",), (b"chunkedx",), (b"gzip, chunked",), (b"chunked, gzip",),
    (b"identity",), (b"chunked", b"chunked"), (b"gzip", b"chunked"), (b"chunked;q=1",), (b'"chunked"',),
    (b"\x0bchunked",), (b"chunked\x00",), (b"chun\xe2\x84\xaaed",),
]  # fmt: skip


@pytest.mark.parametrize("values", BAD_CODINGS)
def test_bad_coding(values: tuple[bytes, ...]) -> None:
    assert request_framing(msgspec.structs.replace(PLAIN, codings=values)) is BAD_CODING
    assert response_framing(200, b"GET", "1.1", (), values) is BAD_CODING


@pytest.mark.parametrize(
    "changes,reason",
    [
        ({"lengths": (b"5",), "codings": (b"chunked",)}, TWO_FRAMINGS),
        ({"lengths": (b"0",), "codings": (b"identity",)}, TWO_FRAMINGS),
        ({"codings": (b"chunked",), "version": "1.0"}, BAD_CODING),
        *(({"version": version}, BAD_VERSION) for version in ("", "0.9", "1.2", "1.10", "2.0", "11", "1.1 ")),
        *(({"method": method}, BAD_METHOD) for method in NO_METHODS),
        *(
            ({"hosts": hosts}, BAD_HOST)
            for hosts in ((), (b"",), (b"h", b"h"), (b"h", b"g"), (b"h,g",), (b"u@h",), (b"h:0",), (b"h/a",))
        ),
        *(
            ({"expect": expect}, BAD_EXPECTATION)
            for expect in ((b"",), (b"200-ok",), (b"100-continue", b"100-continue"), (b"100-continue, x",))
        ),
        ({**UPGRADING, "lengths": (b"5",)}, BAD_UPGRADE),
        ({**UPGRADING, "codings": (b"chunked",)}, BAD_UPGRADE),
        ({**UPGRADING, "upgrade": (b"websocket", b"h2c")}, BAD_UPGRADE),
    ],
)
def test_refused_requests(changes: dict[str, object], reason: BadFraming) -> None:
    assert request_framing(msgspec.structs.replace(PLAIN, **changes)) is reason


@pytest.mark.parametrize("method", [b"GET", b"OPTIONS", b"QUERY", b"PROPFIND", b"M-SEARCH", b"X" * 32])
def test_a_method_of_a_request_is_one_of_the_configuration(method: bytes) -> None:
    assert framing(method=method).host.name == "h"


@given(
    st.text(st.sampled_from("GETgt-_*1 \n\u00cb"), max_size=4) | st.text(st.characters(max_codepoint=255), max_size=33)
)
def test_a_method_is_what_a_route_can_name(method: str) -> None:
    try:
        Match(path="/", methods=(method,))
        named = True
    except ValidationError:
        named = False
    taken = not isinstance(request_framing(msgspec.structs.replace(PLAIN, method=method.encode("latin-1"))), BadFraming)
    assert taken is named


@pytest.mark.parametrize(
    "target,host,origin",
    [
        (b"http://h/a", b"H", b"/a"),
        (b"HTTP://H:80?a", b"h:80", b"/?a"),
        (b"https://[::1]", b"[0::1]", b"/"),
        (b"http://h./a", b"h", b"/a"),
    ],
)
def test_absolute_form_that_agrees_with_host(target: bytes, host: bytes, origin: bytes) -> None:
    assert origin_form(target, framing(hosts=(host,)).host) == origin


@pytest.mark.parametrize("target", [b"", b"*", b"a", b"h:80", b"ftp://h/", b"?a"])
def test_targets_of_other_forms(target: bytes) -> None:
    assert origin_form(target, framing().host) is BAD_TARGET_FORM


@pytest.mark.parametrize(
    "target", [b"http://g/", b"http://h:80/", b"http://u@h/", b"http:///a", b"http://h%2f/", b"http://h#/"]
)
def test_absolute_form_that_disagrees_with_host(target: bytes) -> None:
    assert origin_form(target, framing().host) is HOST_MISMATCH


@pytest.mark.parametrize("host", [b"h", b"H:80", b" h\t", b"[::1]", b"127.0.0.1:8080", b"", b"a b", b"h:x", b"1.2.3"])
def test_plain_framing_is_the_same_in_one_look(host: bytes) -> None:
    assert plain_framing(host) == request_framing(msgspec.structs.replace(PLAIN, hosts=(host,)))


@pytest.mark.parametrize(
    "version,connection,keep_alive",
    [
        ("1.1", (), True),
        ("1.1", (b"close",), False),
        ("1.1", (b"CLOSE , x",), False),
        ("1.1", (b"x", b"y,close"), False),
        ("1.1", (b"keep-alive, close",), False),
        ("1.1", (b"closed",), True),
        ("1.0", (), False),
        ("1.0", (b"keep-alive",), True),
        ("1.0", (b"Keep-Alive, close",), False),
    ],
)
def test_keep_alive(version: str, connection: tuple[bytes, ...], *, keep_alive: bool) -> None:
    assert framing(version=version, connection=connection).keep_alive is keep_alive
    assert persistent(version, connection_options(connection)) is keep_alive


@pytest.mark.parametrize(
    "values,options",
    [
        ((), set()),
        ((b"Close",), {b"close"}),
        ((b"X-User-Id, close",), {b"x-user-id", b"close"}),
        ((b" ,, a\t,", b"B"), {b"a", b"b"}),
    ],
)
def test_connection_options(values: tuple[bytes, ...], options: set[bytes]) -> None:
    assert connection_options(values) == options


@pytest.mark.parametrize(
    "changes,expected",
    [
        ({"expect": (b"100-Continue",), "lengths": (b"5",)}, True),
        ({"expect": (b"100-continue",), "codings": (b"chunked",)}, True),
        ({"expect": (b"100-continue",)}, False),
        ({"expect": (b"100-continue",), "lengths": (b"0",)}, False),
        ({"expect": (b"100-continue",), "lengths": (b"5",), "version": "1.0"}, False),
    ],
)
def test_expectation(changes: dict[str, object], *, expected: bool) -> None:
    assert framing(**changes).expects_continue is expected


@pytest.mark.parametrize(
    "changes,protocol",
    [
        (UPGRADING, b"websocket"),
        ({**UPGRADING, "upgrade": (b" WebSocket",)}, b"websocket"),
        ({**UPGRADING, "connection": ()}, b""),
        ({**UPGRADING, "version": "1.0"}, b""),
        ({**UPGRADING, "connection": (), "lengths": (b"5",)}, b""),
    ],
)
def test_upgrade(changes: dict[str, object], protocol: bytes) -> None:
    assert framing(**changes).upgrade == protocol


@pytest.mark.parametrize(
    "status,method,lengths,codings,body",
    [
        (200, b"GET", (), (), UNTIL_CLOSE),
        (200, b"HEAD", (), (), 0),
        (200, b"HEAD", (b"5",), (), 0),
        (200, b"HEAD", (), (b"chunked",), 0),
        (304, b"GET", (b"5",), (), 0),
        (204, b"GET", (), (), 0),
        (204, b"GET", (b"0",), (), 0),
        (100, b"POST", (), (), 0),
        (200, b"GET", (b"5",), (b"chunked",), TWO_FRAMINGS),
        (304, b"GET", (b"5", b"5"), (), BAD_LENGTH),
        (200, b"HEAD", (b"x",), (), BAD_LENGTH),
        (204, b"GET", (b"5",), (), UNWANTED_BODY),
        (204, b"GET", (), (b"chunked",), UNWANTED_BODY),
        (101, b"GET", (b"5",), (), UNWANTED_BODY),
        (99, b"GET", (), (), BAD_STATUS),
        (600, b"GET", (b"5",), (), BAD_STATUS),
    ],
)
def test_response(
    status: int, method: bytes, lengths: tuple[bytes, ...], codings: tuple[bytes, ...], body: int | BadFraming
) -> None:
    assert response_framing(status, method, "1.1", lengths, codings) == body


@pytest.mark.parametrize(
    "version,codings,reason",
    [("1.0", (b"chunked",), BAD_CODING), ("2.0", (), BAD_VERSION), ("0.9", (), BAD_VERSION)],
)
def test_response_versions(version: str, codings: tuple[bytes, ...], reason: BadFraming) -> None:
    assert response_framing(200, b"GET", version, (), codings) is reason


_VALUES = st.lists(st.binary(max_size=12) | st.sampled_from([b"5", b"05", b"chunked", b"close"]), max_size=2).map(tuple)


@given(lengths=_VALUES, codings=_VALUES, connection=_VALUES, expect=_VALUES, upgrade=_VALUES)
def test_a_body_has_one_announcement(**fields: tuple[bytes, ...]) -> None:
    """Whatever comes, what is accepted says the length of its body at most once and in canonical form."""
    found = request_framing(msgspec.structs.replace(PLAIN, **fields))
    if isinstance(found, BadFraming):
        return
    lengths, codings = fields["lengths"], fields["codings"]
    assert len(lengths) + len(codings) <= 1
    if lengths:
        assert lengths[0].strip(b" \t") == b"%d" % found.body
    elif codings:
        assert (codings[0].strip(b" \t").lower(), found.body) == (b"chunked", CHUNKED)
    else:
        assert found.body == 0
