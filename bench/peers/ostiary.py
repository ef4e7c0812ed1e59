"""Ostiary itself: one worker, metrics on, everything else at its defaults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec

from bench.peers.base import Launch, Unavailable
from bench.spec import PLENTY
from bench.tokens import AUDIENCE, ISSUER, SCOPE

if TYPE_CHECKING:
    from pathlib import Path

    from bench.spec import Work


class Ostiary:
    """`ostiary serve` of this working tree, or of the package in another `source` folder.

    JSON is YAML, so the configuration is written as JSON.
    """

    authenticates = True

    def __init__(self, name: str = "Ostiary", source: Path | None = None) -> None:
        self.name = name
        self._environ = {} if source is None else {"PYTHONPATH": str(source)}
        self._source = source

    def version(self) -> str:
        """Of the installed distribution."""
        return f"Ostiary {version('ostiary')}" if self._source is None else f"Ostiary of {self._source}"

    def prepare(self, work: Work, port: int, folder: Path) -> Launch:
        """All of `work`; a bucket for each caller, the routes told apart by their first segment."""
        if self._source is not None:
            self._prove_source(self._source)
        config = folder / "ostiary.yaml"
        config.write_text(json.dumps(configuration(work, port, folder), indent=1))
        return Launch([sys.executable, "-m", "ostiary", "serve", "--config", config], self._environ)

    def _prove_source(self, source: Path) -> None:
        """Raise `Unavailable` unless the package comes from there: to measure another one would prove nothing."""
        command = [sys.executable, "-c", "import ostiary; print(ostiary.__file__)"]
        done = subprocess.run(
            command, env={**os.environ, **self._environ}, capture_output=True, text=True, timeout=30, check=False
        )
        if not done.stdout.startswith(str(source)):
            raise Unavailable(f"no package in {source}: {(done.stdout or done.stderr).strip()}")


def configuration(work: Work, port: int, folder: Path) -> dict[str, object]:
    """The `ostiary.yaml` of this work."""
    bucket = {"rate": "1/h", "burst": 1} if work.limited else {"rate": f"{PLENTY}/s", "burst": PLENTY}
    log: dict[str, object] = {"mode": "on", "path": str(folder / "access.log")} if work.log else {"mode": "off"}
    tls = {} if work.tls is None else {"tls": {"certificates": [msgspec.to_builtins(work.tls)]}}
    bounds = {} if work.largest_body is None else {"bounds": {"body_bytes": work.largest_body}}
    live = [] if work.live is None else [{**_route("live", "live"), "websocket": True}]
    services = {"orders": work.upstream} if work.live is None else {"orders": work.upstream, "live": work.live}
    config: dict[str, object] = {
        "server": {"listen": f"127.0.0.1:{port}", "workers": 1, **tls, **bounds},
        "admin": {"listen": "127.0.0.1:0"},
        "issuers": {
            "login": {
                "issuer": ISSUER,
                "audiences": [AUDIENCE],
                "algorithms": [work.key.algorithm],
                "keys": {"inline": work.key.jwks},
            }
        },
        "upstreams": {name: {"targets": [f"http://127.0.0.1:{port}"]} for name, port in services.items()},
        "limits": {"callers": {"tiers": {"free": bucket}}},
        "routes": [*(_route(f"service-{number:04}", "orders") for number in range(work.routes)), *live],
        "token_cache": {"entries": work.cached_tokens},
        "observe": {"access_log": log, "security_log": {"path": str(folder / "security.log")}},
    }
    if work.store is not None:
        config["store"] = {"url": work.store}
    return config


def _route(name: str, upstream: str) -> dict[str, object]:
    return {
        "name": name,
        "match": {"path": f"/{name}/**"},
        "upstream": upstream,
        "require": {"scopes": [SCOPE]},
        "limit": "callers",
    }
