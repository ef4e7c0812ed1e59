"""What the supervisor and its workers tell each other.

They are the same program of the same version, started from the same files, but one of them has parsed hostile input:
whatever a worker sends is decoded into these types and nothing else.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final

import msgspec
from pydantic import SecretBytes, SecretStr

from ostiary.config.model import Config
from ostiary.observe.snapshot import Snapshot  # noqa: TC001  # msgspec reads the annotations


class Start(msgspec.Struct, tag=True, frozen=True):
    """To a worker, first: the resolved configuration (see `dump_config`) and which worker it is, from 0."""

    config: dict[str, Any]
    index: int

    def __repr__(self) -> str:
        return f"Start(config=…, index={self.index})"  # the configuration holds secrets (law 8)


class Collect(msgspec.Struct, tag=True, frozen=True):
    """To a worker: send your metrics."""


class Drain(msgspec.Struct, tag=True, frozen=True):
    """To a worker: accept nothing more, let open requests finish for at most so many seconds, then end.

    Again, it can only shorten that: with 0, what is still open is cut off.
    """

    seconds: float


class Ready(msgspec.Struct, tag=True, frozen=True):
    """From a worker, once: it listens."""


class Failed(msgspec.Struct, tag=True, frozen=True):
    """From a worker, instead of `Ready`: it cannot start, and trying again would not help. Holds no secret."""

    message: str


class IssuerHealth(msgspec.Struct, frozen=True):
    """One issuer's keys as one worker has them. `age` is seconds; `last_error` says what failed and holds no secret."""

    ready: bool
    keys: int
    age: float
    stale: bool
    failures: int
    last_error: str


class Status(msgspec.Struct, tag=True, frozen=True):
    """From a worker, twice a second; its absence means that the worker's event loop is blocked."""

    ready: bool
    issuers: dict[str, IssuerHealth]
    store_healthy: bool


class Collected(msgspec.Struct, tag=True, frozen=True):
    """From a worker: its metrics, when asked and once more before it ends in good order."""

    snapshot: Snapshot


ToWorker = Start | Collect | Drain
FromWorker = Ready | Failed | Status | Collected

STATUS_SECONDS: Final = 0.5
"""How often a worker sends its `Status`."""


def dump_config(config: Config) -> dict[str, Any]:
    """Turn `config` into what msgpack can carry, secrets included. Only what was set: the defaults are in the code."""
    plain: dict[str, Any] = msgspec.to_builtins(
        config.model_dump(exclude_unset=True), builtin_types=(bytes,), enc_hook=_plain
    )
    return plain


def load_config(dumped: dict[str, Any]) -> Config:
    """Rebuild the configuration from `dump_config`. The checks that need the file are not repeated: it passed them."""
    return Config.model_validate(dumped)


def _plain(value: object) -> object:
    if isinstance(value, SecretBytes | SecretStr):
        return value.get_secret_value()
    if isinstance(value, IPv4Network | IPv6Network):
        return str(value)
    raise NotImplementedError(type(value).__name__)
