"""What the harness needs of a gateway."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.spec import Work


class Unavailable(Exception):
    """A gateway is not on this machine, or cannot do the work; carries the reason in one line."""


class Launch(msgspec.Struct, frozen=True):
    """How to start a gateway."""

    command: Sequence[str | Path]
    environ: Mapping[str, str] = {}


class Peer(Protocol):
    """One gateway."""

    name: str
    """As the table calls it."""
    authenticates: bool
    """False for the floor, which proxies without looking."""

    def version(self) -> str:
        """What is measured; raises `Unavailable`."""

    def prepare(self, work: Work, port: int, folder: Path) -> Launch:
        """Write the configuration into the empty `folder`; raises `Unavailable` for work that it cannot do."""


def first_line(*command: str | Path) -> str:
    """The first line that a command prints; raises `Unavailable` if it cannot be run."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=30, check=False)
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be run: {error.strerror}") from error
    return (done.stdout + done.stderr).strip().partition("\n")[0]
