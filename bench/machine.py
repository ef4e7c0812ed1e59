"""What the kernel knows: who ran how long, on which processor, in how much memory."""

from __future__ import annotations

import os
import platform
import sysconfig
from pathlib import Path
from typing import Final

from ostiary.serve.interpreter import profile_guided

PROC: Final = Path("/proc")

BUILT: Final = {
    True: " built with profile-guided optimisation",
    False: " built without profile-guided optimisation",
    None: "",
}
"""What is said of the interpreter, which may take a fifth of all CPU or more by how it was built."""

GATEWAY_CPU: Final = 0
"""The processor that the gateway under test has to itself."""
LOAD_CPU: Final = 1
"""The processor of the load generator, the upstream and the store."""


class TooFewProcessors(Exception):
    """The two processors that the method needs are not there."""


def processors() -> tuple[int, int]:
    """The gateway's processor and the load generator's, out of those this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise TooFewProcessors("the method needs two processors: one for the gateway, one for load and upstream")
    return allowed[GATEWAY_CPU], allowed[LOAD_CPU]


def process_tree(root: int) -> list[int]:
    """`root` and everything descended from it, now."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The command name may hold spaces and parentheses: what follows the last one is regular (proc(5)).
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue  # it ended meanwhile
        children.setdefault(parent, []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += children.get(pid, [])
    return found


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of all threads of these processes since they started, in seconds.

    From ``schedstat``, which counts nanoseconds, where ``stat`` counts ticks of 10 ms; both are the scheduler's
    ``sum_exec_runtime``. A kernel without it is read through ``stat``.
    """
    return sum(_cpu_seconds(pid) for pid in pids)


def _cpu_seconds(pid: int) -> float:
    try:
        threads = [thread / "schedstat" for thread in (PROC / str(pid) / "task").iterdir()]
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
    except FileNotFoundError:
        return _cpu_seconds_in_ticks(pid)


def _cpu_seconds_in_ticks(pid: int) -> float:
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Resident memory of one process, shared pages included."""
    return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def forget_peak(pid: int) -> None:
    """Let `peak_bytes` count from now on (proc(5), clear_refs)."""
    (PROC / str(pid) / "clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """The most memory of one process that was ever resident, or since `forget_peak`; shared pages included."""
    for line in (PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0  # it has ended, and has no memory any more


def open_files(pid: int) -> int:
    """Open file descriptors of one process."""
    return len(list((PROC / str(pid) / "fd").iterdir()))


def started_at(pid: int) -> float:
    """When a process started, in seconds on the clock of `time.clock_gettime(CLOCK_BOOTTIME)`, to 10 ms."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, str]:
    """What a reader must know of the machine to judge absolute figures."""
    model = "unknown processor"
    for line in (PROC / "cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "processor": model,
        "processors": str(os.cpu_count()),
        "kernel": platform.release(),
        "system": platform.system(),
        "python": platform.python_version() + BUILT[profile_guided(sysconfig.get_config_vars())],
    }
