"""How many processors this process may really use: what `workers: auto` means."""

from __future__ import annotations

import os
from math import ceil
from pathlib import Path
from typing import Final

_CPU_MAX: Final = Path("/sys/fs/cgroup/cpu.max")


def processors(cpu_max: Path = _CPU_MAX) -> int:
    """Return the processors of this process's affinity, or fewer where a container's quota allows less.

    `cpu_max` is the control group's file (cgroup v2): quota and period in microseconds, or ``max``.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = cpu_max.read_text().split()
        return max(1, min(available, ceil(int(quota) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):  # no such control group, or no quota in it
        return available
