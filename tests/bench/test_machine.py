from __future__ import annotations

import os
import subprocess
import sys
import time

from bench import machine


def test_a_process_tree_holds_its_children_and_their_time() -> None:
    child = subprocess.Popen([sys.executable, "-c", "print(sum(range(3_000_000)), flush=True); input()"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    try:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in machine.process_tree(os.getpid())
        assert 0.001 < machine.cpu_seconds([child.pid]) < 5
        assert machine.resident_bytes(child.pid) > 1_000_000
        assert machine.open_files(child.pid) >= 3
        assert abs(time.clock_gettime(time.CLOCK_BOOTTIME) - machine.started_at(child.pid)) < 10
    finally:
        child.communicate()


def test_the_peak_of_memory_outlives_what_took_it() -> None:
    own = os.getpid()
    machine.forget_peak(own)
    rest = machine.resident_bytes(own)
    assert abs(machine.peak_bytes(own) - rest) < 10_000_000
    assert any(b"x" * 40_000_000)
    assert 30_000_000 < machine.peak_bytes(own) - rest < 80_000_000


def test_cpu_time_grows_with_work() -> None:
    before = machine.cpu_seconds([os.getpid()])
    spent = time.process_time()
    while time.process_time() - spent < 0.05:
        pass
    assert 0.04 < machine.cpu_seconds([os.getpid()]) - before < 0.5
