"""The scalars people write (`5m`, `64KiB`, `100/s`, `[::1]:8080`, `10.0.0.0/8`) and the numbers they stand for.

Read from a file, a number whose unit could be guessed wrongly is refused; built in Python, the plain number is in the
documented unit. No message repeats the value: it may be a secret in the wrong place.
"""

from __future__ import annotations

import ipaddress
import math
import re
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    WithJsonSchema,
)

from ostiary.config.words import wrong

_DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)", re.ASCII)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST: Final = 3650 * 86400.0
_SIZE: Final = re.compile(r"(\d{1,16})(B|KiB|MiB|GiB)?", re.ASCII)
_BYTES: Final = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_LARGEST: Final = 2**50
_WORKERS: Final = 256
_RATE: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)/(s|min|h|d)", re.ASCII)
_PERIOD: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_ENDPOINT: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<host>[^:[\]]{1,253})):(?P<port>\d{1,5})", re.ASCII
)
_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*", re.ASCII)
_WHOLE: Final = re.compile(r"0|-?[1-9]\d{0,17}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)
_REFERENCE: Final = r"\$\{.+\}"


class Endpoint(NamedTuple):
    """Where to listen. IPv6 without brackets; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def written(info: ValidationInfo) -> bool:
    """Tell whether the value comes from a configuration file rather than from Python."""
    return info.context is not None


def _duration(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        seconds = float(match[1]) * _SECONDS[match[2]]
        if seconds > _LONGEST:
            raise wrong("is longer than ten years")
        return seconds
    if isinstance(value, int | float) and not isinstance(value, bool) and not written(info):
        return _natural(value)
    raise wrong("is not a duration", "write a number and its unit: 500ms, 30s, 5m, 1h or 1d")


def _size(value: object) -> object:
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        value = int(match[1]) * _BYTES[match[2] or "B"]
    if isinstance(value, int) and not isinstance(value, bool):
        if value > _LARGEST:
            raise wrong("is larger than 1024 TiB")
        return _natural(value)
    raise wrong("is not a size", "write a whole number of bytes, or one with its unit: 64KiB, 10MiB or 1GiB")


def _natural(value: float) -> float:
    """Return `value`, not negative. As a bound of the type, that would replace the higher one of a field."""
    if value < 0:
        raise wrong("is less than 0")
    return value


def _rate(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and (match := _RATE.fullmatch(value)):
        return float(match[1]) / _PERIOD[match[2]]
    if isinstance(value, int | float) and not isinstance(value, bool) and not written(info):
        return value
    raise wrong("is not a rate", "write how many in which time: 100/s, 10/min, 3/h or 1000/d")


def _endpoint(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and (match := _ENDPOINT.fullmatch(value)):
        port = int(match["port"])
        if port <= 65535 and (host := _host(match["six"], match["host"])):
            return Endpoint(host, port)
    elif not written(info) and isinstance(value, tuple | list):
        return value
    raise wrong(
        "is not host:port", "write 127.0.0.1:8080, [::1]:8080 or localhost:8080; 0.0.0.0:8080 is every interface"
    )


def _host(six: str | None, other: str | None) -> str:
    try:
        if six:
            return str(ipaddress.IPv6Address(six))
        if other and (other.replace(".", "").isdigit() or not _NAME.fullmatch(other)):
            return str(ipaddress.IPv4Address(other))
    except ValueError:
        return ""
    return other or ""


def _network(value: object) -> object:
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    if isinstance(value, str):
        try:
            return ipaddress.ip_network(value)
        except ValueError:
            pass
    raise wrong("is not a network", "write 10.0.0.0/8, fd00::/8 or one address; no bits may be set beyond the prefix")


def _count(value: object) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise wrong("is not a whole number", "write it in decimal, without leading zeros, separators or a fraction")


def _share(value: object) -> object:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise wrong("is not a number", "write it in decimal: 0.05")


def _flag(value: object) -> object:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise wrong("is neither true nor false", "write true or false; yes, no, on and off are strings in YAML 1.2")


def _workers(value: object) -> object:
    if value == "auto":
        return value
    if not 1 <= (count := _count(value)) <= _WORKERS:
        raise wrong(f"is not 1 to {_WORKERS}", "or auto: one a processor")
    return count


def _claim_value(value: object) -> object:
    if isinstance(value, str | int):
        return value
    raise wrong("is neither a string, a whole number, true nor false")


def _shown(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _pattern_text(pattern: str, examples: list[str]) -> dict[str, object]:
    return {"type": "string", "pattern": f"^{pattern}$|{_REFERENCE}", "examples": examples}


Duration = Annotated[
    float,
    Field(allow_inf_nan=False),
    BeforeValidator(_duration),
    PlainSerializer(lambda seconds: f"{_shown(seconds)}s", return_type=str, when_used="json"),
    WithJsonSchema(_pattern_text(_DURATION.pattern, ["500ms", "30s", "5m", "1h"])),
]
"""Seconds. Written `500ms`, `30s`, `5m`, `1h`, `1d`."""

Size = Annotated[
    int,
    BeforeValidator(_size),
    PlainSerializer(
        lambda size: next((f"{size // n}{unit}" for unit, n in reversed(_BYTES.items()) if size and not size % n), "0"),
        return_type=str,
        when_used="json",
    ),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, _pattern_text(_SIZE.pattern, ["64KiB", "10MiB"])]}),
]
"""Bytes. Written `64KiB`, `10MiB`, `1GiB`, or as a bare number of bytes."""

Rate = Annotated[
    float,
    Field(gt=0, allow_inf_nan=False),
    BeforeValidator(_rate),
    PlainSerializer(lambda rate: f"{_shown(rate)}/s", return_type=str, when_used="json"),
    WithJsonSchema(_pattern_text(_RATE.pattern, ["100/s", "10/min", "3/h"])),
]
"""Tokens per second. Written `100/s`, `10/min`, `3/h`, `1000/d`."""

Network = Annotated[
    ipaddress.IPv4Network | ipaddress.IPv6Network,
    BeforeValidator(_network),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.0/8", "fd00::/8", "192.0.2.7"]}),
]
"""A network, or one address as a network of its own."""

Listen = Annotated[
    Endpoint,
    BeforeValidator(_endpoint),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "examples": ["127.0.0.1:8080", "[::1]:8080"]}),
]
"""An `Endpoint` as it is written."""

Count = Annotated[int, BeforeValidator(_count)]
"""A whole number in decimal; never from `yes`, `0o17`, `1_000` or `1:30`."""

Status = Annotated[Count, Field(ge=200, le=599)]
"""A status of a final answer."""

ServerError = Annotated[Count, Field(ge=500, le=599)]
"""A status that blames the server."""

Workers = Annotated[
    int | Literal["auto"],
    BeforeValidator(_workers),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1, "maximum": _WORKERS}, {"const": "auto"}]}),
]
"""How many, or `auto`."""

ClaimValue = Annotated[StrictStr | StrictBool | StrictInt, BeforeValidator(_claim_value)]
"""A value that a claim can be compared with."""

Share = Annotated[float, BeforeValidator(_share)]
"""A finite number in decimal."""

Flag = Annotated[bool, BeforeValidator(_flag)]
"""`true` or `false`, nothing else."""
