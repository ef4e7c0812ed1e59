"""Fuzz each target for a while, each in a process of its own."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fuzz import corpus

MEGABYTES: Final = 2048
"""Memory beyond which an input is a find."""
PATIENCE: Final = 5
"""Seconds beyond which an input is a find."""
LONGEST: Final = 16_384
"""Octets of an input."""


def main() -> int:
    """Fuzz what the arguments name; 0 if nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Coverage-guided fuzzing of the readers.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(corpus.TARGETS)}; default: all")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    options = parser.parse_args()
    strangers = set(options.targets) - set(corpus.TARGETS)
    if strangers:
        parser.error(f"no such target: {', '.join(sorted(strangers))}")
    found = [name for name in options.targets or corpus.TARGETS if not _quiet(name, options.seconds)]
    print(f"finds in: {', '.join(found)}; kept under {corpus.FINDS}" if found else "nothing found")
    return 1 if found else 0


def _quiet(name: str, seconds: int) -> bool:
    """Fuzz one target; return whether it held."""
    finds = corpus.FINDS / name
    finds.mkdir(parents=True, exist_ok=True)
    print(f"{name}: {seconds} s", flush=True)
    with TemporaryDirectory(prefix="fuzz-") as folder:
        for number, seed in enumerate(corpus.inputs(name)):
            (Path(folder) / str(number)).write_bytes(seed)
        command = [
            sys.executable, "-m", "fuzz.drive", name, folder, f"-max_total_time={seconds}",
            f"-artifact_prefix={finds}/", f"-dict={corpus.WORDS}", f"-timeout={PATIENCE}",
            f"-rss_limit_mb={MEGABYTES}", f"-max_len={LONGEST}", "-print_final_stats=1",
        ]  # fmt: skip
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = done.stdout.splitlines()
    told = [line for line in lines if "number_of_executed_units" in line or "cov:" in line][-2:]
    print("\n".join(told if done.returncode == 0 else lines[-40:]), flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
