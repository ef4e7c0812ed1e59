from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ostiary.stores.leftovers import PREFIX, SOCKET, hold, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER = """
import asyncio, sys
from ostiary.stores.embedded import EmbeddedValkey

async def main():
    async with EmbeddedValkey() as server:
        print(server.url.removeprefix("unix://"), server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A short path: that of a socket is bounded."""
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder:
        yield Path(folder)


def left(temporary: Path) -> Path:
    """Return a folder as a gateway that was killed leaves it."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary))
    with socket.socket(socket.AF_UNIX) as once:
        once.bind(str(folder / SOCKET))
    return folder


def test_what_dead_gateways_left_is_removed(temporary: Path) -> None:
    folders = [left(temporary) for _ in range(3)]
    sweep(temporary)
    assert not any(folder.exists() for folder in folders)


def test_the_folder_of_a_gateway_that_lives_stays_even_while_its_server_is_away(temporary: Path) -> None:
    folder = left(temporary)
    lock = hold(folder)
    sweep(temporary)
    assert (folder / SOCKET).exists()
    os.close(lock)
    sweep(temporary)
    assert not folder.exists()


def test_a_folder_where_somebody_listens_stays(temporary: Path) -> None:
    folder = left(temporary)
    (folder / SOCKET).unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / SOCKET))
        listening.listen()
        sweep(temporary)
        assert (folder / SOCKET).exists()


def test_what_is_not_such_a_folder_stays(temporary: Path) -> None:
    other, open_to_all, aliased = left(temporary), left(temporary), left(temporary)
    (other / "ostiary.yaml").touch()
    open_to_all.chmod(0o755)
    moved = aliased.rename(temporary / "elsewhere")
    aliased.symlink_to(moved)
    empty = Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary))
    no_socket = Path(tempfile.mkdtemp(prefix=PREFIX, dir=temporary))
    (no_socket / SOCKET).touch()
    sweep(temporary)
    for path in (other / SOCKET, open_to_all / SOCKET, moved / SOCKET, empty, no_socket / SOCKET):
        assert path.exists()


def test_a_sweep_is_bounded(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ostiary.stores.leftovers._AT_MOST", 2)
    folders = [left(temporary) for _ in range(5)]
    sweep(temporary)
    assert sum(folder.exists() for folder in folders) == 3


def test_without_a_folder_for_temporary_files_nothing_is_swept() -> None:
    sweep(Path("/nonexistent"))


def test_a_gateway_that_is_killed_leaves_what_the_next_sweep_finds(temporary: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(temporary)}
    ) as owner:
        assert owner.stdout is not None
        where, pid = owner.stdout.readline().split()
        server = os.pidfd_open(int(pid))
        sweep(temporary)
        assert Path(where).exists()
        owner.send_signal(signal.SIGKILL)
        owner.wait()
    assert select.select([server], [], [], 20)[0]  # the kernel has ended it
    os.close(server)
    sweep(temporary)
    assert not list(temporary.iterdir())
