"""The usual Python way: Starlette, httpx and PyJWT on uvicorn, as a team writes it by hand."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from bench.peers.base import Launch, Unavailable
from bench.spec import PLENTY
from bench.tokens import AUDIENCE, ISSUER, SCOPE

if TYPE_CHECKING:
    from bench.spec import Work


class Starlette:
    """One uvicorn worker on uvloop and httptools; `starlette_app` is the application."""

    name = "Starlette + httpx + PyJWT"
    authenticates = True

    def version(self) -> str:
        """Of all its parts."""
        try:
            parts = [f"{name} {version(name)}" for name in ("uvicorn", "starlette", "httpx", "PyJWT")]
        except PackageNotFoundError as error:
            raise Unavailable(f"{error.name} is not installed") from error
        return ", ".join(parts)

    def prepare(self, work: Work, port: int, folder: Path) -> Launch:  # noqa: ARG002 - it is configured by environment
        """All of `work` but a cache of tokens, which PyJWT does not have."""
        settings = {
            "upstream": f"http://127.0.0.1:{work.upstream}",
            "key": work.key.public_pem.decode(),
            "algorithm": work.key.algorithm,
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "scope": SCOPE,
            "rate": 1 / 3600 if work.limited else PLENTY,
            "burst": 1 if work.limited else PLENTY,
        }
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "bench.peers.starlette_app:app",
            "--port",
            str(port),
            "--workers",
            "1",
        ]
        if not work.log:
            command.append("--no-access-log")
        root = Path(__file__).parents[2]
        return Launch(
            [*command, "--log-level", "info" if work.log else "warning"],
            {"BENCH_SETTINGS": json.dumps(settings), "PYTHONPATH": str(root)},
        )
