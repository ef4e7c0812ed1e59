"""A browser without a window: the system's Chromium, or else the one that `make test` installs."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.process import Child

if TYPE_CHECKING:
    from collections.abc import Mapping

_SYSTEM: Final = Path("/usr/bin/chromium")
_UNPACKED: Final = Path(__file__).parent / "browser" / "node_modules" / ".browser"
_PROGRAMS: Final = (_SYSTEM, *([_UNPACKED / "chromium"] if platform.machine() == "x86_64" else []))
CHROMIUM: Final = next((program for program in _PROGRAMS if program.is_file()), None)
"""The program, None where there is none."""

_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def browser(url: str, folder: Path) -> Child:
    """Open `url` in a browser that keeps what it keeps in `folder`, and goes on until it is stopped."""
    env: Mapping[str, str] = {"HOME": str(folder)}
    if CHROMIUM is None:
        raise FileNotFoundError
    if CHROMIUM != _SYSTEM:
        env = {
            **env,
            "LD_LIBRARY_PATH": str(_UNPACKED / "al2023" / "lib"),
            "FONTCONFIG_PATH": str(_UNPACKED / "fonts"),
        }
    return Child([CHROMIUM, *_FLAGS, f"--user-data-dir={folder / 'profile'}", url], env=env)
