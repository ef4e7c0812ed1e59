"""The words people write: names, methods, header names; and how a value of the configuration is refused."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+", re.ASCII)
_UPPER: Final = re.compile(r"[A-Z][A-Z-]{0,31}", re.ASCII)
_DOMAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)
_COOKIE: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)


def wrong(message: str, hint: str = "") -> PydanticCustomError:
    """The validation error that becomes a `Problem`: what is wrong, and how to mend it.

    A message from here is the whole truth and is shown as it stands, where those of pydantic are reworded.
    """
    return PydanticCustomError("ostiary", "{message}", {"message": message, "hint": hint})


def _trimmed(value: str) -> str:
    if not value or value != value.strip():
        raise wrong("is empty or has space around it")
    return value


def _name(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise wrong("is not a name", "write at most 63 letters, digits, dots, _ and -, a letter or digit first")
    return value


def _method(value: str) -> str:
    if not _UPPER.fullmatch(value):
        raise wrong("is not a method", "methods are upper case: GET, POST")
    return value


def _header(value: str) -> str:
    if not _FIELD.fullmatch(value):
        raise wrong("is not a header name", "write letters, digits and hyphens: X-User-Id")
    return value


def _cookie(value: str) -> str:
    if not _COOKIE.fullmatch(value):
        raise wrong("is not a cookie name", "write letters, digits, _ and -: __Host-token")
    return value


def _scope(value: str) -> str:
    if not _SCOPE.fullmatch(value):
        raise wrong("is not a scope", "write each scope as an item of its own, without spaces and quotes")
    return value


def _domain(value: str) -> str:
    if not _DOMAIN.fullmatch(value):
        raise wrong("is not a domain", "write what follows the @, in ASCII: example.com, xn--bcher-kva.example")
    return value


Text = Annotated[str, AfterValidator(_trimmed), StringConstraints(max_length=4096), WithJsonSchema({"type": "string"})]
"""A string that is not empty and has no space around it."""

Name = Annotated[Text, AfterValidator(_name)]
"""What the operator calls something: it becomes a metric's label and a part of store keys."""

Method = Annotated[Text, AfterValidator(_method)]
"""A request method, in the upper case that methods have. Requests with any other are refused (`http.framing`)."""

HeaderName = Annotated[Text, AfterValidator(_header)]
"""A field name of letters, digits and hyphens: others are read differently by different servers."""

CookieName = Annotated[Text, AfterValidator(_cookie)]
"""The name of a cookie: a token (RFC 6265 section 4.1.1)."""

Scope = Annotated[Text, AfterValidator(_scope)]
"""One scope (RFC 6749 section 3.3)."""

Domain = Annotated[Text, AfterValidator(_domain)]
"""The domain of a mail address. In ASCII: letters of other alphabets look like these, and have several cases."""
