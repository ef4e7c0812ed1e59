"""URLs that a configuration names: where keys are fetched, and where requests are forwarded."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator

from ostiary.config.words import Text, wrong
from ostiary.http.target import BadTarget, canonical

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_IMPLIED: Final = {"http": 80, "https": 443}
_FORBIDDEN: Final = frozenset(' "<>\\^`{|}')


def split(url: str) -> SplitResult | None:
    """The parts of an http or https URL with a host, or None if it is none, or holds user information or a fragment."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return None
    if not usable or "@" in parts.netloc or "#" in url or not url.isascii() or not url.isprintable():
        return None
    return None if _FORBIDDEN & set(url) else parts


def is_loopback(host: str) -> bool:
    """Whether a host, without brackets, is this machine: localhost (RFC 6761 section 6.3) or a loopback address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def machine(host: str) -> str:
    """One spelling for each host that is certainly the same: ``localhost`` for whatever leads to this machine itself.

    That is every loopback and unspecified address, however the system's resolver lets it be written (``127.1``), and
    localhost with the names below it (RFC 6761 section 6.3).
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return "localhost"
    address = _address(name)
    if address is None:
        return name
    return "localhost" if address.is_loopback or address.is_unspecified else str(address)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        # What looks like a short or hexadecimal IPv4 address is one to connect(), and to no other parser.
        address = ipaddress.ip_address(name if ":" in name else socket.inet_aton(name))
    except (OSError, ValueError):
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _url(value: str) -> str:
    if split(value) is None:
        raise wrong(f"is not a URL: {_fault(value)}", "write https://host/path, without user, password and fragment")
    return value


def _target(value: str) -> str:
    parts = split(value)
    if parts is None:
        fault = _fault(value)
    elif parts.path not in {"", "/"}:
        fault = "it has a path, and requests keep their own"
    elif "?" in value:
        fault = "it has a query"
    else:
        return value
    hint = "write http://host:port, without path, query, user and password"
    raise wrong(f"is not the address of a service: {fault}", hint)


def _fault(url: str) -> str:
    """The first thing that keeps `split` from taking a URL. The URL is not repeated: it may hold a password."""
    scheme, colon, rest = url.partition("://")
    if not colon or scheme.lower() not in {"http", "https"}:
        return "its scheme is not http:// or https://"
    place = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" in place:
        return "it has a user or password"
    port = re.fullmatch(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::([^:]*))?", place)
    if port is None:
        return "its host cannot be read; IPv6 is written in brackets"
    if port[1] and not re.fullmatch("[0-9]+", port[1]):
        return "its port is not a number"
    if port[1] and not 1 <= int(port[1][:6]) <= 65535:
        return "its port is 0" if not int(port[1][:6]) else "its port is above 65535"
    if place.startswith(":") or not place:
        return "it has no host"
    if "#" in url:
        return "it has a fragment"
    return "it has characters that belong in no URL"


def port_of(parts: SplitResult) -> int:
    """The port of a URL, by its scheme if it names none."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def _check_path(value: str) -> str:
    if value[0] != "/" or isinstance(canonical(value.encode()), BadTarget):
        raise wrong("is not the path of a health check", "write /health")
    return value


def _origin(value: str) -> str:
    parts = split(value)
    if parts is None or value != f"{parts.scheme}://{parts.netloc}".lower() or parts.port == _IMPLIED[parts.scheme]:
        raise wrong("is not an origin", "write https://app.example.com, in lower case, without path and usual port")
    return value


Origin = Annotated[Text, AfterValidator(_origin)]
"""Where a page comes from, as browsers write it (RFC 6454 section 6.1)."""

CheckPath = Annotated[Text, AfterValidator(_check_path)]
"""A path, and a query if need be, as a request's target."""

Url = Annotated[Text, AfterValidator(_url)]
"""An http or https URL."""

Target = Annotated[Text, AfterValidator(_target)]
"""Where an instance of a service listens: `http://host:port` or `https://host:port`."""
