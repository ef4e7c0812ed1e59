"""The compact serialisation of a signed token, read strictly (RFC 7515 section 7.1, RFC 8725 section 3).

Nothing that the header offers as a key is ever looked at: ``jku``, ``jwk``, ``x5u`` and ``x5c`` are members like any
other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from ostiary.jose import base64url
from ostiary.jose.jwk import MAX_KID_CHARACTERS
from ostiary.jose.strict_json import Excessive, parse_object

MAX_TOKEN_BYTES: Final = 1024 * 1024
"""What no configured bound exceeds."""
MAX_HEADER_BYTES: Final = 4 * 1024
"""Of the encoded header; some issuers put a certificate chain into it."""
MAX_BRACKETS: Final = 256
"""Opening brackets and braces of the header, and of the payload: both are read before any signature is checked."""
_HEADERS_KEPT: Final = 128
"""An issuer uses one header per key, so a handful are live at any time."""


class MalformedToken(ValueError):
    """Not a token that can be read one way only. Its text may be shown to the caller: it repeats nothing sent."""


class Header(msgspec.Struct, frozen=True, gc=False):
    """What matters of the protected header: `typ` in lower case without ``application/``, "" if absent."""

    alg: str
    kid: str | None
    typ: str


class Token(msgspec.Struct, frozen=True, gc=False):
    """A token taken apart: nothing in it is verified yet. `payload` and `signature` are decoded octets."""

    header: Header
    payload: bytes
    signature: bytes
    signing_input: bytes


def parse(token: bytes) -> Token:
    """Take `token` apart. Raises MalformedToken."""
    if len(token) > MAX_TOKEN_BYTES:
        raise MalformedToken("The token is too long.")
    signing_input, _, encoded_signature = token.rpartition(b".")
    encoded_header, dot, encoded_payload = signing_input.partition(b".")
    # A further dot would land in the payload's segment, whose alphabet has none.
    if not dot:
        raise MalformedToken("The token is not of three segments.")
    try:
        return Token(
            _header(encoded_header),
            base64url.decode(encoded_payload),
            base64url.decode(encoded_signature),
            signing_input,
        )
    except MalformedToken:
        raise
    except ValueError:
        raise MalformedToken("A segment of the token is not base64url.") from None


@lru_cache(_HEADERS_KEPT)
def _header(segment: bytes) -> Header:
    if len(segment) > MAX_HEADER_BYTES:
        raise MalformedToken("The token's header is too long.")
    text = base64url.decode(segment)
    try:
        members = parse_object(text, MAX_BRACKETS)
    except Excessive as error:
        raise MalformedToken(f"The token's header {error}.") from None
    except ValueError:
        raise MalformedToken("The token's header is not a JSON object.") from None
    alg, kid, typ = members.get("alg"), members.get("kid"), members.get("typ", "")
    if not isinstance(alg, str) or not isinstance(typ, str):
        raise MalformedToken("alg and typ of the token's header must be strings.")
    if "kid" in members and not (isinstance(kid, str) and len(kid) <= MAX_KID_CHARACTERS):
        raise MalformedToken("kid of the token's header must be a string of at most 256 characters.")
    if not members.keys().isdisjoint(_EXTENSIONS):
        raise MalformedToken("The token's header asks for an extension that is not supported.")
    return Header(alg, kid if isinstance(kid, str) else None, typ.lower().removeprefix("application/"))


_EXTENSIONS: Final = frozenset({"crit", "b64", "enc", "zip"})
"""``crit`` is refused whatever it lists (RFC 7515 section 4.1.11), for nothing that it could list is supported here."""
