from __future__ import annotations

import tracemalloc

import pytest

from ostiary.http.request_id import is_request_id
from tests.support.meters import Cost, bytecodes, calls, complaint, cost, memory

RECORDED = Cost({"http": 600, "proxy": 400}, 50, 3000)


def work() -> None:
    is_request_id(b"abc")


def test_the_same_work_costs_the_same() -> None:
    work()
    found = cost(work)
    assert found == cost(work)
    assert list(found.parts) == ["http"]
    assert 3 < found.bytecodes < 30
    assert found.calls == calls(work) == 2
    assert [code.co_name for code in bytecodes(work)] == ["is_request_id"]


def test_memory_is_counted_at_its_most() -> None:
    assert 100_000 < memory(lambda: (bytes(50_000), bytes(50_000))) < 101_000
    assert 50_000 < memory(lambda: (len(bytes(50_000)), len(bytes(50_000)))) < 51_000
    assert not tracemalloc.is_tracing()


@pytest.mark.parametrize("found", [RECORDED, Cost({"http": 700, "proxy": 320}, 51, 3060), Cost({"http": 1}, 1, 1)])
def test_a_little_more_or_less_is_no_reason_to_complain(found: Cost) -> None:
    assert complaint(RECORDED, found, 0.02) == ""


def test_a_complaint_says_what_has_grown_and_what_to_do() -> None:
    said = complaint(RECORDED, Cost({"http": 600, "proxy": 500, "routes": 7}, 60, 3000), 0.02)
    assert "bytecodes: 1000 -> 1107 (+10.7%, 2% are allowed)" in said
    assert "calls: 50 -> 60 (+20.0%, 2% are allowed)" in said
    assert "memory" not in said.partition("Bytecodes by folder")[0]
    assert "  proxy: 400 -> 500\n  routes: 0 -> 7\n" in said
    assert "http: 600" not in said
    assert "Cost(parts={'http': 600, 'proxy': 500, 'routes': 7}, calls=60, memory=3000)" in said
