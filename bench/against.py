"""Old against new: Ostiary of another revision beside that of the working tree, under the same Python and packages.

Both are asked the same in each case and measured in one run, in random order within each round; a second process of the
new one shows what a ratio is worth on this machine.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Final

import msgspec

from bench import machine, measure, revision, upstream
from bench.cases import AGAIN, CASES, Ground
from bench.measure import Figures, Pace, ratios
from bench.peers import Ostiary
from bench.report import middle, place, quartiles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bench.cases import Case
    from bench.measure import Arm

NEW: Final = "Ostiary"
OLD: Final = "Ostiary before"
MAIN: Final = ("seen-rs256", "new-rs256", "log", "tls", "down-1k", "up-1k", "down-1m", "up-1m")
"""Names of the cases that are compared: what every release must not make worse."""
WORSE: Final = 1.05
"""The ratio of new to old beyond which it is worse."""


class Comparison(msgspec.Struct):
    """One run, as it is written to JSON."""

    when: datetime
    machine: dict[str, str]
    old: str
    new: str
    pace: Pace
    seconds: float = 0.0
    cases: dict[str, dict[str, Figures]] = {}
    problems: list[str] = []


def cases(only: Sequence[str] | None) -> list[Case]:
    """The main cases, or those of these names."""
    return [case for case in CASES if case.name in (only or MAIN)]


def sides(own: Arm, source: Path) -> list[Arm]:
    """The same work for the working tree, for the working tree again, and for the tree in `source`."""
    return [
        msgspec.structs.replace(own, name=peer.name, peer=peer)
        for peer in (Ostiary(NEW), Ostiary(AGAIN), Ostiary(OLD, source))
    ]


def run(
    old: str, chosen: Sequence[Case], pace: Pace, limit: float, cpus: tuple[int, int], folder: Path,
    progress: Callable[[str], None],
) -> Comparison:  # fmt: skip
    """Compare with the revision `old` for at most about `limit` seconds. Raises `RevisionError` and `StartError`."""
    start = time.monotonic()
    gateway, other = cpus
    results = Comparison(datetime.now(UTC), machine.describe(), revision.name(old), revision.name(), pace)
    with (
        revision.checkout(old, folder / "old") as tree,
        upstream.start(other, folder / "upstream") as service,
        upstream.start_plain(other, folder / "plain") as plain,
    ):
        ground = Ground(service.port, "", plain.port)
        for case in chosen:
            if time.monotonic() - start > limit:
                results.problems.append(f"Out of time: {case.title} was not measured.")
                continue
            arms = sides(case.arms(ground)[0], tree / "src")  # the first is Ostiary's own, with all of the work
            results.cases[case.name] = measure.run(arms, pace, gateway, folder / case.name, progress)
    results.seconds = time.monotonic() - start
    return results


def markdown(results: Comparison) -> str:
    """The whole run as one page."""
    lines = [
        f"# {results.new} against {results.old}",
        "",
        f"{results.when:%d %B %Y, %H:%M} UTC.",
        f"{results.pace.rounds} rounds of {results.pace.slice:g} s an arm, {results.seconds / 60:.0f} minutes in all.",
        place(results.machine),
        "",
        "CPU-microseconds per request; medians and quartiles of the ratios paired within the round. The noise is the",
        "same ratio of two processes of the new one.",
        "",
        f"| case | {results.old} | {results.new} | new to old | quartiles | noise | quartiles | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    titles = {case.name: case.title for case in CASES}
    lines += [_row(titles[name], arms) for name, arms in results.cases.items()]
    return "\n".join([*lines, "", *(f"- {problem}" for problem in results.problems)]) + "\n"


def _row(title: str, arms: dict[str, Figures]) -> str:
    new, again, old = arms[NEW], arms[AGAIN], arms[OLD]
    failed = [f"{name}: {figures.problem}" for name, figures in arms.items() if figures.problem]
    if failed:
        return f"| {title} | | | | | | | {'; '.join(failed)} |"
    found, noise = ratios(new, old), ratios(new, again)
    ratio, spread = middle(found)
    alike, alike_spread = middle(noise)
    return (
        f"| {title} | {old.typical:.1f} | {new.typical:.1f} | {ratio:.3f} | {spread} "
        f"| {alike:.3f} | {alike_spread} | {verdict(found, noise)} |"
    )


def verdict(found: Sequence[float], noise: Sequence[float]) -> str:
    """What the ratios of new to old come to, given those of new to new."""
    if median(found) <= WORSE:
        return "no worse"
    # Seldom are two of the same kind so far apart, one way or the other.
    usual = max(quartiles(noise)[1], 1 / quartiles(noise)[0])
    return "WORSE" if quartiles(found)[0] > usual else "unclear: it may be noise"
