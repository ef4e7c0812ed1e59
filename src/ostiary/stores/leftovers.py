"""Folders of embedded servers whose gateway was killed: nothing was left then that could have removed them.

A gateway holds a lock on its folder for as long as it lives, however it ends, because the kernel gives it up. A folder
goes only if its lock is free, nobody listens on its socket, it is this user's alone, and nothing else is in it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import stat
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREFIX: Final = "ostiary-"
SOCKET: Final = "valkey.sock"
_NAME: Final = re.compile(PREFIX + r"[a-z0-9_]{8}")
"""As `tempfile.mkdtemp` makes them."""
_AT_MOST: Final = 100
"""Folders that are looked at in one sweep."""


def hold(folder: Path) -> int:
    """Take the lock of one's own `folder`; return the descriptor that holds it. Raises `OSError`."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with contextlib.suppress(OSError):  # where there are no locks, no sweep gets one either
        fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def sweep(temporary: Path) -> None:
    """Remove what dead gateways of this user have left in the folder `temporary`. Never raises."""
    with contextlib.suppress(OSError), os.scandir(temporary) as entries:
        named = (entry.name for entry in entries if _NAME.fullmatch(entry.name))
        for name in islice(named, _AT_MOST):
            with contextlib.suppress(OSError), _locked(temporary / name) as fd:
                if _names(fd) == [SOCKET] and _deserted(temporary / name / SOCKET):
                    os.unlink(SOCKET, dir_fd=fd)
                    (temporary / name).rmdir()


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Hold a folder that is this user's alone. Raises `OSError` if it is not, or has a living owner."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        state = os.fstat(fd)
        if state.st_uid != os.getuid() or stat.S_IMODE(state.st_mode) != stat.S_IRWXU:
            raise PermissionError(folder)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield fd
    finally:
        os.close(fd)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in islice(entries, 2)]


def _deserted(path: Path) -> bool:
    """Whether `path` is a socket on which nobody listens. Raises `OSError` if that cannot be found out."""
    if not stat.S_ISSOCK(path.lstat().st_mode):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return True
    return False
