"""The bearer token in the ``Authorization`` field (RFC 6750 section 2.1)."""

from __future__ import annotations

from typing import Final

from ostiary.decision.outcome import NOT_MINE, NotMine, Refusal
from ostiary.decision.reason import AMBIGUOUS_CREDENTIALS, INVALID_TOKEN

_SCHEME: Final = b"bearer"
_START: Final = len(_SCHEME) + 1
_SEVERAL: Final = Refusal(AMBIGUOUS_CREDENTIALS, "Send one Authorization header.")
_MALFORMED: Final = Refusal(INVALID_TOKEN, "The Authorization header is not of the form: Bearer <token>.")


def bearer(authorization: tuple[bytes, ...]) -> bytes | NotMine | Refusal:
    """Take the raw token out of the raw values of every ``Authorization`` field of a request.

    The scheme counts in any case. `NOT_MINE` when there is no field or another scheme; a `Refusal` when there are
    several fields, or the scheme is right and what follows is not exactly one space and one token.
    """
    if not authorization:
        return NOT_MINE
    if len(authorization) > 1:
        return _SEVERAL
    value = authorization[0]
    if value[:_START] == b"Bearer ":
        token = value[_START:]
        return token if token and token[0] not in b" \t" else _MALFORMED
    scheme = value[:_START].lower()
    if scheme == b"bearer ":
        return bearer((b"Bearer " + value[_START:],))
    return _MALFORMED if scheme.rstrip(b" \t") == _SCHEME else NOT_MINE
