"""Replace this process by a command that gets SIGTERM when its parent dies, however that came about.

``python -m ostiary.demo.tied PARENT_PID COMMAND…``: so that not even a killed demo leaves a gateway behind. Where the
system has no such thing (it is Linux's PR_SET_PDEATHSIG), the command runs all the same.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def main(parent: int, command: list[str]) -> None:
    """Run `command` in place of this process, tied to `parent`."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before it could be watched
            sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - exactly the command that the demo gave, without a shell


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
