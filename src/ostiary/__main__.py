"""`python -m ostiary`."""

from __future__ import annotations

from ostiary.cli import main

if __name__ == "__main__":
    main()
