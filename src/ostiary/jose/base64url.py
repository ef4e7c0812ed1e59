"""Strict base64url (RFC 7515 section 2, RFC 4648 sections 3.2, 3.3 and 3.5).

Every octet string has exactly one accepted spelling: no padding, no foreign characters, no non-zero trailing bits. So a
token cannot be respelt into a different byte string that verifies just the same.
"""

from __future__ import annotations

import binascii
from typing import Final

_TO_STANDARD: Final = bytes.maketrans(b"-_+/=", b"+/   ")
_PADDING: Final = (b"", None, b"==", b"=")
_LAST: Final = (
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    b"",
    b"AQgw",
    b"AEIMQUYcgkosw048",
)
"""By length modulo 4, the last characters whose unused bits are zero."""


def decode(text: bytes) -> bytes:
    """Return the octets that `text` spells. Raises ValueError if it is not their one canonical spelling."""
    padding = _PADDING[len(text) & 3]
    if padding is None:
        raise ValueError("impossible length")
    if text and text[-1] not in _LAST[len(text) & 3]:
        raise ValueError("unused bits are not zero")
    return binascii.a2b_base64(text.translate(_TO_STANDARD) + padding, strict_mode=True)
