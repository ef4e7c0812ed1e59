"""The bearer token: one spelling for each, and no reading of its header that another parser would not share."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode

from ostiary.credentials.bearer import bearer
from ostiary.jose.strict_json import parse_object
from ostiary.jose.token import MalformedToken, parse


def check(data: bytes) -> None:
    """Read `data` as an Authorization value, as a token, and as the JSON in one."""
    credential = bearer((data,))
    if isinstance(credential, bytes):
        assert data[:7].lower() == b"bearer "
        assert data[7:] == credential
        _token(credential)
    _token(data)
    _json(data)
    _token(_spelt(data) + b"." + _spelt(b"{}") + b".")


def _token(text: bytes) -> None:
    try:
        token = parse(text)
    except MalformedToken:
        return
    header, payload, signature = text.split(b".")
    assert (payload, signature) == (_spelt(token.payload), _spelt(token.signature))
    assert token.signing_input == header + b"." + payload
    assert isinstance(token.header.alg, str)
    assert token.header.kid is None or isinstance(token.header.kid, str)


def _json(text: bytes) -> None:
    try:
        found = parse_object(text)
    except ValueError:
        return
    pairs: list[str] = []

    def members(read: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in read]
        assert len(set(names)) == len(names), "a member that came twice"
        pairs.extend(names)
        return dict(read)

    theirs = json.loads(text, object_pairs_hook=members, parse_constant=_no_constant, parse_int=float)  # noqa: TID251  # the second opinion
    assert _floats(found) == theirs
    "".join(pairs).encode()  # no lone surrogate


def _no_constant(name: str) -> object:
    raise AssertionError(name)


def _floats(value: object) -> object:
    """Return `value` with every integer as the nearest float: beyond 64 bits, the two parsers differ in that."""
    match value:
        case bool():
            return value
        case int():
            return float(value)
        case list():
            return [_floats(each) for each in value]
        case dict():
            return {name: _floats(each) for name, each in value.items()}
        case _:
            return value


def _spelt(octets: bytes) -> bytes:
    return urlsafe_b64encode(octets).rstrip(b"=")
