"""What a piece of work costs, in figures that no noisy machine can blur.

They are the same each time for the same work under the same minor version of Python. Code of the tests is not counted.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

import ostiary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType

    from _typeshed import TraceFunction

_SOURCES: Final = Path(ostiary.__file__).parent
_TESTS: Final = str(Path(__file__).parent.parent)


def bytecodes(work: Callable[[], object]) -> Counter[CodeType]:
    """Count the bytecodes that `work` executes, by the function they belong to."""
    executed: Counter[CodeType] = Counter()

    def trace(frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        if frame.f_code.co_filename.startswith(_TESTS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            executed[frame.f_code] += 1
        return trace

    before = sys.gettrace()
    with _no_collection():
        sys.settrace(trace)
        try:
            work()
        finally:
            sys.settrace(before)
    return executed


def calls(work: Callable[[], object]) -> int:
    """Count the calls that `work` makes, of functions written in Python or in C."""
    found = 0

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal found
        if event in {"call", "c_call"} and not frame.f_code.co_filename.startswith(_TESTS):
            found += 1

    before = sys.getprofile()
    with _no_collection():
        sys.setprofile(profile)
        try:
            work()
        finally:
            sys.setprofile(before)
    return found


def memory(work: Callable[[], object]) -> int:
    """Return the most bytes that `work` holds at any time."""
    with _no_collection():
        tracemalloc.start()
        try:
            work()
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            work()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return peak - before


@contextmanager
def _no_collection() -> Iterator[None]:
    """Let nothing left over from before be collected meanwhile: that costs memory, and calls of those who watch it."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Cost(msgspec.Struct, frozen=True):
    """What one run of some work costs: bytecodes by part of the gateway, calls, and bytes held at most."""

    parts: dict[str, int]
    calls: int
    memory: int

    @property
    def bytecodes(self) -> int:
        return sum(self.parts.values())


def cost(work: Callable[[], object]) -> Cost:
    """Weigh `work`, which is done several times. Something must have done it before: the first time is dearer."""
    parts: Counter[str] = Counter()
    for code, count in bytecodes(work).items():
        place = Path(code.co_filename)
        parts[place.relative_to(_SOURCES).parts[0] if place.is_relative_to(_SOURCES) else "elsewhere"] += count
    return Cost(dict(sorted(parts.items())), calls(work), memory(work))


def complaint(recorded: Cost, found: Cost, margin: float) -> str:
    """Say what `found` has more of than `recorded`, by more than that share of it; nothing if there is nothing."""
    grown = [
        f"{name}: {was} -> {now} ({now / was - 1:+.1%}, {margin:.0%} are allowed)"
        for name, was, now in (
            ("bytecodes", recorded.bytecodes, found.bytecodes),
            ("calls", recorded.calls, found.calls),
            ("memory", recorded.memory, found.memory),
        )
        if now > was * (1 + margin)
    ]
    if not grown:
        return ""
    names = sorted(recorded.parts.keys() | found.parts.keys())
    moved = [(name, recorded.parts.get(name, 0), found.parts.get(name, 0)) for name in names]
    return "\n".join(
        (
            "A request costs more than it did.",
            *grown,
            "Bytecodes by folder of src/ostiary:",
            *(f"  {name}: {was} -> {now}" for name, was, now in moved if was != now),
            "Every caller pays this on every request. If what it buys is worth that, say so in the commit, with a",
            f'measurement (`make bench ARGS="against HEAD~1"`), and record it:\n  {found}',
        )
    )
