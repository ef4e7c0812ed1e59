"""One JSON line for each request.

What is left out is left out on purpose (law 8): the query, because credentials travel in it; every header; every claim
but the subject. A line is encoded in about a microsecond and written by a thread.
"""

from __future__ import annotations

import random
from datetime import datetime  # noqa: TC003  # msgspec reads the annotations when the class is made
from typing import TYPE_CHECKING

import msgspec

from ostiary.observe.line import line

if TYPE_CHECKING:
    from ostiary.observe.writer import LineWriter


class AccessRecord(msgspec.Struct, omit_defaults=True):
    """What is told of one request. Members at their default are left out of the line.

    Of a request that could not be read, all are but `time`, `request_id`, `client`, `status` and `reason`. Durations
    are whole microseconds, sizes are bytes of bodies. `path` is canonical and without its query. `reason` is the stable
    code if the gateway answered itself. `issuer` is the name from the configuration; `subject` is the `sub` claim of a
    verified token, never of another. `ended` says why a WebSocket was over, which is written down then,
    and that another request was cut off by the drain.
    """

    time: datetime
    request_id: str
    client: str
    method: str = ""
    host: str = ""
    path: str = ""
    status: int = -1
    duration_us: int = -1
    route: str = ""
    reason: str = ""
    issuer: str = ""
    subject: str = ""
    tier: str = ""
    decision_us: int = -1
    upstream: str = ""
    upstream_us: int = -1
    bytes_in: int = 0
    bytes_out: int = 0
    ended: str = ""


class AccessLog:
    """The log of every request (`sample` 1), or of a share of them.

    A door asks `wants` first and only then builds a record; without an access log it has None in its place.
    """

    __slots__ = ("_everything", "_random", "_sample", "_writer")

    def __init__(self, writer: LineWriter, sample: float = 1.0, choose: random.Random | None = None) -> None:
        self._writer = writer
        self._sample = sample
        self._everything = sample >= 1.0
        self._random = (choose or random.Random()).random  # noqa: S311  # which lines are kept is no secret

    def wants(self, status: int, reason: str) -> bool:
        """Say whether a request that ended so is to be written: always if it was refused or failed."""
        return self._everything or reason != "" or status >= 500 or self._random() < self._sample

    def write(self, record: AccessRecord) -> None:
        """Write one request. Never blocks, never raises."""
        self._writer.write(line(record))
