from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ostiary.serve.processors import processors

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.usefixtures("eight")
@pytest.mark.parametrize(
    "cpu_max, expected",
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("10000 100000\n", 1),
        ("6400000 100000\n", 8),
        ("100000 0\n", 8),
        ("", 8),
    ],
)
def test_a_container_s_quota_counts(cpu_max: str, expected: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(cpu_max)
    assert processors(tmp_path / "cpu.max") == expected


@pytest.mark.usefixtures("eight")
def test_without_a_control_group_the_affinity_counts(tmp_path: Path) -> None:
    assert processors(tmp_path / "absent") == 8
