"""Commands that get a signal when the process that started them dies, however that came about.

Nothing but the kernel can promise that: a parent that is killed cleans nothing up. It is Linux's PR_SET_PDEATHSIG, set
in the child itself and kept over exec. Where the system has no such thing, the command runs all the same. This file is
run as a script by an interpreter without site packages, which starts in a third of the time, so it imports only from
the standard library.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_PR_SET_PDEATHSIG: Final = 1


def tied(command: Iterable[str], death: signal.Signals = signal.SIGTERM) -> list[str]:
    """Return `command`, which begins with an absolute path, so that it gets `death` when this process dies.

    The kernel watches the thread that starts it: that one must live as long as the command shall.
    """
    if sys.platform != "linux":
        return [*command]
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(death)), *command]


def main(parent: int, death: int, command: list[str]) -> None:
    """Run `command` in place of this process, to get the signal `death` when `parent` dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death)
    if os.getppid() != parent:  # it died before it could be watched
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - exactly the command that was given, without a shell


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
