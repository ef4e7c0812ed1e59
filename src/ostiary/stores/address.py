"""Where a store is: the URL an operator writes, taken apart strictly.

    valkey://[user:password@]host[:port][/database]
    valkey+sentinel://[user:password@]host[:port][,host[:port]...]/service[/database]
    valkey+cluster://[user:password@]host[:port][,host[:port]...]
    unix:///path/of/the.sock

`redis` may stand for `valkey`. With an s (`valkeys://`, `rediss+cluster://`) the connection is TLS, its certificate
always verified; `?ca=/path`, absolute, names the authority to trust instead of the system's. User and password are
percent-encoded.
"""

from __future__ import annotations

import re
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote

import msgspec

# Not `urlsplit`: it has come to refuse brackets anywhere but around the one and only host.
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z+]*)://(?P<place>[^/?#]*)(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?(?P<fragment>#.*)?",
    re.DOTALL,
)
_SCHEME: Final = re.compile(r"(?:valkey|redis)(s?)(?:\+(sentinel|cluster))?|unix")
_HOST: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^\s:\[\]]+))(?::(?P<port>[^\s:\[\]]*))?", re.ASCII)
_PORT_NUMBER: Final = re.compile(r"\d{1,5}", re.ASCII)
_PORT: Final = {"single": 6379, "sentinel": 26379, "cluster": 6379}

Kind = Literal["single", "sentinel", "cluster", "unix"]


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A store's address. `repr` and `str` tell where it is, never the credentials."""

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    database: int = 0
    tls: bool = False
    ca: str | None = None
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"Address({self})"

    def __str__(self) -> str:
        if self.kind == "unix":
            return f"unix:{self.path}"
        return ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)


def public_parts(url: str) -> str:
    """Return what of a store URL may be shown: all but the credentials and the options."""
    parts = _URL.fullmatch(url)
    if parts is None:
        return ""
    path = parts["path"] if parts["scheme"].lower() == "unix" else ""
    return f"{parts['scheme']}://{parts['place'].rpartition('@')[2]}{path}"


def parse_address(url: str) -> Address:
    """Read a store URL. Raises `ValueError` saying what is wrong, never repeating what was written."""
    parts = _URL.fullmatch(url)
    scheme = parts and _SCHEME.fullmatch(parts["scheme"].lower())
    if parts is None or scheme is None:
        raise ValueError(
            "the store URL must begin with valkey://, valkeys://, unix://, valkey+sentinel:// or valkey+cluster://"
        )
    if parts["fragment"]:
        raise ValueError("the store URL must not have a fragment; # in a password is written %23")
    options = dict(parse_qsl(parts["query"] or "", keep_blank_values=True))
    tls = bool(scheme[1])
    if options.keys() - ({"ca"} if tls else set()):
        raise ValueError("the store URL takes no option but ca, and that only with TLS")
    if not options.get("ca", "/").startswith("/"):
        raise ValueError("the ca of the store URL must be an absolute path")
    userinfo, _, place = parts["place"].rpartition("@")
    username, _, password = userinfo.partition(":")
    username, password = unquote(username), unquote(password)
    if scheme[0] == "unix":
        if place or not parts["path"].startswith("/"):
            raise ValueError("a Unix socket is written unix:///path")
        return Address(kind="unix", path=unquote(parts["path"]), username=username or None, password=password or None)
    mode: Kind = "sentinel" if scheme[2] == "sentinel" else "cluster" if scheme[2] else "single"
    hosts = tuple(_host(text, _PORT[mode]) for text in place.split(","))
    path = [unquote(part) for part in parts["path"].strip("/").split("/") if part]
    service = ""
    if mode == "sentinel":
        if not path:
            raise ValueError("a Sentinel URL names the service: valkey+sentinel://host/service")
        service = path.pop(0)
    elif mode == "single" and len(hosts) > 1:
        raise ValueError("several hosts need valkey+sentinel:// or valkey+cluster://")
    return Address(
        kind=mode,
        hosts=hosts,
        service=service,
        database=_database(path, mode),
        tls=tls,
        ca=options.get("ca"),
        username=username or None,
        password=password or None,
    )


def _host(text: str, default_port: int) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    if match is None:
        raise ValueError("the store URL needs a host, or host:port; IPv6 in brackets")
    port = match["port"]
    if port is not None and not (_PORT_NUMBER.fullmatch(port) and 1 <= int(port) <= 65535):
        raise ValueError("the store URL's port must be a number from 1 to 65535")
    return match["six"] or match["name"], default_port if port is None else int(port)


def _database(path: list[str], kind: Kind) -> int:
    if not path:
        return 0
    if len(path) > 1 or not re.fullmatch(r"\d{1,4}", path[0], re.ASCII):
        raise ValueError("the store URL's path is at most a database number")
    if kind == "cluster" and path[0] != "0":
        raise ValueError("a cluster has no database but 0")
    return int(path[0])
