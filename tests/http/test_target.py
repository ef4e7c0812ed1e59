"""Canonical targets: the policy line by line, and what holds for every input."""

from __future__ import annotations

import re
import time
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.http.target import BadTarget, Target, canonical, split_absolute

_PATH_ALPHABET = st.sampled_from(
    [b"/", b".", b"..", b"%2e", b"%2E", b"%2f", b"%5c", b"%25", b"%", b"2e", b"2", b"e", b"a", b"B", b"%41", b"%7e",
     b"%3b", b";", b"[", b"%5d", b"%00", b"%c3%a9", b"%C3", b"\\", b"?", b"#", b"+", b"%2B", b"\xe9", b" ", b"{", b":"]
)  # fmt: skip
targets = st.lists(_PATH_ALPHABET, max_size=12).map(lambda parts: b"/" + b"".join(parts)) | st.binary(max_size=40)


@pytest.mark.parametrize(
    "target,raw",
    [
        pytest.param(b"/", b"/", id="root"),
        pytest.param(b"/a/b.c/~d", b"/a/b.c/~d", id="clean"),
        pytest.param(b"/a/", b"/a/", id="final slash is kept"),
        pytest.param(b"/.well-known/x", b"/.well-known/x", id="a dot is no dot segment"),
        pytest.param(b"/...", b"/...", id="nor are three"),
        pytest.param(b"/%41%7e%2d", b"/A~-", id="needless escapes"),
        pytest.param(b"/a%2Cb%21", b"/a,b!", id="escaped sub-delims"),
        pytest.param(b"/%e2%82%ac", b"/%E2%82%AC", id="upper-case hex"),
        pytest.param(b"/a%20b", b"/a%20b", id="needed escapes"),
        pytest.param(b"/[id]", b"/%5Bid%5D", id="brackets as browsers send them"),
        pytest.param(b"/a//b///c", b"/a/b/c", id="empty segments"),
        pytest.param(b"//host/a", b"/host/a", id="no network path"),
        pytest.param(b"/a/./b", b"/a/b", id="single dot"),
        pytest.param(b"/a/../b", b"/b", id="double dot"),
        pytest.param(b"/a/%2e%2E/b", b"/b", id="escaped double dot"),
        pytest.param(b"/a/.%2e", b"/", id="half escaped, up to the root"),
        pytest.param(b"/a/b/..", b"/a/", id="a folder stays a folder"),
        pytest.param(b"/a/b/.", b"/a/b/", id="and here"),
        pytest.param(b"/a//../b", b"/b", id="slashes merge first"),
        pytest.param(b"/100%25", b"/100%25", id="escaped percent"),
        pytest.param(b"/100%25ab", b"/100%25ab", id="escaped percent before letters is not decoded again"),
        pytest.param(b"/a?", b"/a?", id="empty query"),
        pytest.param(b'/a?b=//../%zz%00&c[]={}|\\^`"<>;', b'/a?b=//../%zz%00&c[]={}|\\^`"<>;', id="query untouched"),
        pytest.param(b"/%2e/a?/../b", b"/a?/../b", id="query untouched beside a rewritten path"),
        pytest.param(b"/a?b?c", b"/a?b?c", id="a query may hold a question mark"),
    ],
)
def test_canonical_form(target: bytes, raw: bytes) -> None:
    found = canonical(target)
    assert isinstance(found, Target)
    assert found.raw == raw
    path, _, query = raw.partition(b"?")
    assert (found.path.encode(), found.query) == (path, query)


@pytest.mark.parametrize(
    "target",
    [
        b"", b"*", b"a", b"a/b", b"?a", b"http://h/", b"h:80",  # other forms
        b"/ ", b"/a b", b"/\t", b"/\x00", b"/\x02", b"/\x7f", b"/\x80", b"/\xc3\xa9", b"/a\n", b"/a\r\n",  # raw bytes
        b'/"', b"/<", b"/>", b"/\\", b"/..\\a", b"/^", b"/`", b"/{", b"/|", b"/}", b"/a#b", b"/#", b"/a?b#c",
        b"/%", b"/%4", b"/%zz", b"/%%00", b"/% 1", b"/%+1", b"/%u0041",  # broken escapes
        b"/%00", b"/.%00../", b"/%0a", b"/%0D", b"/%1f", b"/%7f",  # control characters
        b"/%2f", b"/a%2Fb", b"/%5c", b"/a%5C..%5Cb", b"/public%2f..%2fadmin",  # hidden separators
        b"/admin;x", b"/;", b"/admin%3bx", b"/..;/admin",  # path parameters
        b"/%252e%252e/admin", b"/%252f", b"/%255c", b"/%253b", b"/%2500", b"/%25252e", b"/%25%32e",  # encoded twice
        b"/..", b"/../a", b"/a/../..", b"/%2e%2e/a", b"/./../a",  # above the root
        b"/%c0%af", b"/%ff", b"/%c3", b"/%ed%a0%80", b"/caf%e9",  # not UTF-8
        b"/a?b c", b"/a?\x00", b"/a?\xff", b"/a?\x7f",  # query
    ],
)  # fmt: skip
def test_what_has_no_canonical_form(target: bytes) -> None:
    found = canonical(target)
    assert isinstance(found, BadTarget)
    assert re.fullmatch(r"[a-zA-Z0-9' -]+", found.reason)


@given(targets)
def test_properties(target: bytes) -> None:
    found = canonical(target)
    if isinstance(found, BadTarget):
        return
    assert canonical(found.raw) == found, "idempotent"
    path = found.path.encode("ascii")
    assert found.raw.partition(b"?")[0] == path, "what is matched is what is forwarded"
    assert found.raw[len(path) :] == target[target.find(b"?") :] if b"?" in target else found.raw == path
    assert not {b".", b".."} & set(path.split(b"/")), "no dot segments"
    assert b"//" not in path
    assert re.fullmatch(rb"/(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%[0-9A-F]{2})*", path), "one spelling"
    once = unquote_to_bytes(path)
    assert once.count(b"/") == path.count(b"/"), "no hidden separators"
    assert not re.search(rb"[\x00-\x1f\x7f\\;]", once)
    assert not re.search(rb"%(?:2e|2f|5c|3b|25|00)", once, re.IGNORECASE), "nothing for a second decoder to find"


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4))
def test_decodes_exactly_once(segments: list[str]) -> None:
    """Fully escaped text comes out with the meaning it went in with, or is refused."""
    target = b"".join(b"/" + "".join(f"%{byte:02x}" for byte in _utf8(segment)).encode() for segment in segments)
    found = canonical(target)
    if isinstance(found, Target) and not {".", ".."} & set(segments):
        assert unquote_to_bytes(found.path) == b"".join(b"/" + _utf8(segment) for segment in segments)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")


@pytest.mark.parametrize(
    "part", [b"/", b"/a", b"/.", b"/a/..", b"%2e", b"/%2e%2e", b"%25", b"%41", b"[", b"a", b"?", b"%"]
)
def test_cost_is_bounded(part: bytes) -> None:
    """16 KB of the worst is answered in a small fraction of what would hurt."""
    target = b"/" + part * (16 * 1024 // len(part))
    start = time.process_time()
    canonical(target)
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize(
    "target,authority,origin",
    [
        (b"http://h/a", b"h", b"/a"),
        (b"HTTPS://h:1/a?b", b"h:1", b"/a?b"),
        (b"http://h", b"h", b"/"),
        (b"http://h?b", b"h", b"/?b"),
        (b"http:///a", b"", b"/a"),
        (b"http://u@h/a", b"u@h", b"/a"),
    ],
)
def test_absolute_form(target: bytes, authority: bytes, origin: bytes) -> None:
    assert split_absolute(target) == (authority, origin)


@pytest.mark.parametrize("target", [b"", b"*", b"h:80", b"ftp://h/", b"http:/h", b"http:h", b" http://h/", b"ws://h/"])
def test_not_absolute_form(target: bytes) -> None:
    assert isinstance(split_absolute(target), BadTarget)
