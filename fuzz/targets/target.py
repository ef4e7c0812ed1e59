"""The request target and the host: what is accepted is canonical, and cannot be read as another one."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from ostiary.http.framing import BadFraming, origin_form
from ostiary.http.host import canonical_host
from ostiary.http.target import BadTarget, Target, _canonical_slowly, canonical, split_absolute


def check(data: bytes) -> None:
    """Read `data` as a target, as an authority, and as one with the other."""
    target = canonical(data)
    assert target == _canonical_slowly(data), "the fast way says otherwise"
    if isinstance(target, Target):
        _canonical(target)
    host = canonical_host(data)
    if host is not None:
        assert canonical_host(host.raw) == host
        assert host.raw.lower() == host.raw
        assert not set(host.raw) & set(b" \t\r\n/\\?#@%,;")
    split = split_absolute(data)
    if not isinstance(split, BadTarget):
        authority, local = split
        assert local[:1] == b"/"
        named = canonical_host(authority)
        if named is not None:
            assert origin_form(data, named) == local
            stranger = canonical_host(b"stranger." + named.name.encode("ascii").strip(b"[]").replace(b":", b"-"))
            assert stranger is None or isinstance(origin_form(data, stranger), BadFraming)


def _canonical(target: Target) -> None:
    assert canonical(target.raw) == target
    path = target.path.encode("ascii")
    assert target.raw == path + target.raw[len(path) :]
    assert target.raw[len(path) :] in {b"?" + target.query, target.query and b"?" + target.query}
    decoded = unquote_to_bytes(path)
    decoded.decode()
    assert not any(octet < 0x20 or octet == 0x7F for octet in decoded)
    assert decoded.count(b"/") == path.count(b"/")
    assert not set(decoded) & set(b"\\;")
    segments = decoded.split(b"/")
    assert segments[0] == b""
    assert all(segments[1:-1]), "an empty segment"
    twice = unquote_to_bytes(decoded)
    assert not {b".", b".."} & {*segments, *twice.split(b"/")}, "a dot segment"
    assert not set(target.raw) - set(range(0x21, 0x7F))
    assert b"#" not in target.raw
