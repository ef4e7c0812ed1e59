"""Reading the files that a configuration names, each within a bound, and saying which one cannot be read."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from ostiary.config.shown import shown_path

if TYPE_CHECKING:
    from pathlib import Path


class Unreadable(Exception):
    """A file that cannot be read. `message` is a predicate, says why, and names the absolute path."""

    def __init__(self, message: str, path: str | Path, hint: str = "") -> None:
        self.message = f"{message}: {shown_path(path)}"
        self.hint = hint
        super().__init__(self.message)


def read_file(path: str | Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes. Raises `Unreadable`."""
    try:
        # Not to wait for a writer should the path be a FIFO; what is opened is what is then examined.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a Path cannot open a descriptor
            mode = os.fstat(descriptor).st_mode
            content = file.read(most + 1) if stat.S_ISREG(mode) else b""
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        hint = "relative paths begin at the configuration's folder"
        raise Unreadable(f"cannot be read: {why}", path, hint) from None
    if not stat.S_ISREG(mode):
        raise Unreadable("is not a regular file", path)
    if len(content) > most:
        raise Unreadable(f"is larger than {most} bytes", path)
    return content
