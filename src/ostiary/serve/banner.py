"""What `ostiary serve` says once it listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from ostiary.stores.address import public_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostiary.config.model import Config
    from ostiary.config.scalars import Endpoint

_SLOW: Final = (
    "This Python was built without profile-guided optimisation; one built with it needs about a fifth less CPU."
)
_LOGS = {"-": "standard output", "stdout": "standard output", "stderr": "standard error"}


def banner(
    config: Config, workers: int, version: str, listen: Endpoint, admin: Endpoint, *, guided: bool | None = None
) -> str:
    """Tell, in a few lines for a person, what runs where. No secret is among them: of the store, only where it is.

    `guided` is what is known of the interpreter, see `profile_guided`.
    """
    facts = _facts(config, workers, listen, admin)
    lines = "\n".join(f"  {click.style(f'{name:<11}', dim=True)}{value}" for name, value in facts)
    hint = f"\n{_SLOW}\n" if guided is False else ""
    return f"\n{click.style('Ostiary', bold=True)} {version}\n\n{lines}\n{hint}"


def _facts(config: Config, workers: int, listen: Endpoint, admin: Endpoint) -> Iterator[tuple[str, str]]:
    scheme = "http" if config.server.tls is None else "https"
    yield "gateway", f"{scheme}://{listen}  ({_count(workers, 'worker')}, {_count(len(config.routes), 'route')})"
    yield "admin", f"http://{admin}  (/health/live, /health/ready, /metrics)"
    yield "issuers", ", ".join(config.issuers) or "none: every caller is anonymous"
    if config.limits:
        yield "limits", f"{', '.join(config.limits)}, kept in {_store(config, workers)}"
    log = config.observe.access_log
    yield "access log", "off" if log.mode == "off" else f"{log.mode}, to {_LOGS.get(log.path, log.path)}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _store(config: Config, workers: int) -> str:
    if config.store is None:
        return "memory" if workers == 1 else "an embedded Valkey"
    return public_parts(config.store.url.get_secret_value().decode())
