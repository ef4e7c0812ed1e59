from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest

from ostiary.observe.access_log import AccessLog, AccessRecord
from ostiary.observe.sink import Sink
from ostiary.observe.writer import LineWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[LineWriter]:
    writer = LineWriter(Sink(str(tmp_path / "log")))
    yield writer
    writer.close()


async def test_a_request_is_one_line(writer: LineWriter, tmp_path: Path) -> None:
    AccessLog(writer).write(
        AccessRecord(
            datetime(2026, 11, 23, tzinfo=UTC), "r1", "192.0.2.1", "GET", "api.example", "/v1", 200, 1500,
            route="v1", issuer="main", subject="u1", decision_us=30, upstream="http://10.0.0.1", bytes_out=5,
        )
    )  # fmt: skip
    writer.close()
    assert msgspec.json.decode((tmp_path / "log").read_bytes()) == {
        "time": "2026-11-23T00:00:00Z",
        "request_id": "r1",
        "client": "192.0.2.1",
        "method": "GET",
        "host": "api.example",
        "path": "/v1",
        "status": 200,
        "duration_us": 1500,
        "route": "v1",
        "issuer": "main",
        "subject": "u1",
        "decision_us": 30,
        "upstream": "http://10.0.0.1",
        "bytes_out": 5,
    }


def test_no_member_could_hold_a_credential() -> None:
    """Case L1: there is no room for a query, a header, a cookie or a claim other than the subject."""
    assert set(AccessRecord.__struct_fields__) == {
        "time", "request_id", "client", "method", "host", "path", "status", "duration_us", "route", "reason", "issuer",
        "subject", "tier", "decision_us", "upstream", "upstream_us", "bytes_in", "bytes_out", "ended",
    }  # fmt: skip


def test_everything_is_wanted_by_default(writer: LineWriter) -> None:
    log = AccessLog(writer)
    assert all(log.wants(200, "") for _ in range(1000))


def test_a_sample_keeps_its_share_and_every_refusal_and_failure(writer: LineWriter) -> None:
    log = AccessLog(writer, 0.1, random.Random(7))
    assert 50 < sum(log.wants(200, "") for _ in range(1000)) < 150
    assert all(log.wants(401, "missing_token") for _ in range(100))
    assert all(log.wants(503, "") for _ in range(100))
    assert not all(log.wants(404, "") for _ in range(100))
