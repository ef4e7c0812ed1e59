"""What the workers' states add up to: alive, ready, and why not. Pure functions of what was last heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.serve.messages import IssuerHealth  # noqa: TC001  # msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ostiary.serve.process import WorkerProcess

UNRESPONSIVE_SECONDS: Final = 5.0
"""A worker that has said nothing for so long is not counted on."""
HUNG_SECONDS: Final = 30.0
"""A worker that has said nothing for so long, or has not become ready in that time, is replaced."""


class Workers(msgspec.Struct, frozen=True):
    """How many workers there should be, are ready, and are silent."""

    configured: int
    ready: int
    unresponsive: int


class Health(msgspec.Struct, frozen=True):
    """The body of `/health/live` and `/health/ready`. An issuer is as well as in the worker where it is worst."""

    live: bool
    ready: bool
    draining: bool
    workers: Workers
    issuers: dict[str, IssuerHealth]
    store_healthy: bool


def unresponsive(worker: WorkerProcess, mono: float) -> bool:
    """Tell whether `worker` listens but has long said nothing: its event loop is blocked."""
    return worker.ready and mono - worker.heard >= UNRESPONSIVE_SECONDS


def hung(worker: WorkerProcess, mono: float) -> bool:
    """Tell whether `worker` has to be replaced."""
    return mono - (worker.heard if worker.ready else worker.started) >= HUNG_SECONDS


def health(workers: Sequence[WorkerProcess], configured: int, mono: float, *, draining: bool) -> Health:
    """Add up what is known of the `workers` that live.

    Alive unless every one of them is hung: a blocked event loop is not made better by restarting the whole gateway, and
    dead workers are already being replaced. Ready as long as one worker listens and has usable keys.
    """
    silent = [worker for worker in workers if unresponsive(worker, mono)]
    answering = [worker for worker in workers if worker.ready and worker not in silent]
    statuses = [worker.status for worker in answering if worker.status is not None]
    able = sum(status.ready for status in statuses)
    return Health(
        live=not workers or not all(hung(worker, mono) for worker in workers),
        ready=able > 0 and not draining,
        draining=draining,
        workers=Workers(configured, able, len(silent)),
        issuers=_worst(status.issuers for status in statuses),
        store_healthy=bool(statuses) and all(status.store_healthy for status in statuses),
    )


def _worst(states: Iterable[dict[str, IssuerHealth]]) -> dict[str, IssuerHealth]:
    found: dict[str, IssuerHealth] = {}
    for issuers in states:
        for name, state in issuers.items():
            known = found.get(name)
            if known is None or _badness(state) > _badness(known):
                found[name] = state
    return {name: msgspec.structs.replace(state, age=round(state.age, 1)) for name, state in found.items()}


def _badness(state: IssuerHealth) -> tuple[bool, bool, float]:
    return (not state.ready, state.stale, state.age)
