"""Results as data and as a table that a person reads."""

from __future__ import annotations

import operator
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

import msgspec

from bench.cases import AGAIN, BARS, CASES
from bench.measure import Figures, Pace, differences, ratios

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bench.cases import Bar, Case
    from bench.footprint import Footprint
    from bench.latency import Added


class Results(msgspec.Struct):
    """One run, as it is written to JSON."""

    when: datetime
    machine: dict[str, str]
    commit: str
    pace: Pace
    seconds: float = 0.0
    cases: dict[str, dict[str, Figures]] = {}
    latency: Added | None = None
    footprint: Footprint | None = None
    problems: list[str] = []


class Verdict(msgspec.Struct, frozen=True):
    """A required figure and the one that was measured; lower is better."""

    title: str
    bar: float
    aim: float
    measured: float | None
    spread: str = ""

    @property
    def words(self) -> str:
        """What it comes to."""
        if self.measured is None:
            return "not measured"
        if self.measured <= self.aim:
            return "aim reached"
        return "bar held" if self.measured <= self.bar else "MISSED"


def middle(values: Sequence[float]) -> tuple[float, str]:
    """Median, and the quartiles as text."""
    if len(values) < 2:
        return values[0], ""
    low, high = quartiles(values)
    return median(values), f"{low:.2f}-{high:.2f}"


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The lower and the upper; of one value, twice that value."""
    low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else (values[0],) * 3
    return low, high


def verdicts(results: Results) -> list[Verdict]:
    """All bars of the comparison, then those of latency and footprint."""
    found = [_compare(bar, results.cases.get(bar.case, {})) for bar in BARS]
    added, weight = results.latency, results.footprint
    single: Final = (
        ("latency added at half load, p50, ms", 0.5, 0.5, added and added.added.p50),
        ("latency added at half load, p99, ms", 2.0, 2.0, added and added.added.p99),
        ("a worker starts within, s", 1.0, 1.0, weight and weight.worker_startup),
        ("a worker rests under, MB", 60, 60, weight and weight.rest),
        ("a cached token costs, bytes", 1500, 1500, weight and weight.token),
    )
    return found + [Verdict(*row) for row in single]


def _compare(bar: Bar, arms: dict[str, Figures]) -> Verdict:
    if bar.kind == "growth":
        grown = arms[bar.arm].growth if bar.arm in arms else None
        return Verdict(bar.title, bar.bar, bar.aim, None if grown is None else grown / 1e6)
    compare = ratios if bar.kind == "ratio" else differences
    one, other = arms.get(bar.arm), arms.get(bar.against)
    values = compare(one, other) if one and other else []
    return Verdict(bar.title, bar.bar, bar.aim, *(middle(values) if values else (None,)))


def noise(results: Results) -> str:
    """What the A/A pair says of the machine."""
    arms = results.cases.get("seen-rs256", {})
    values = ratios(arms["Ostiary"], arms[AGAIN]) if AGAIN in arms else []
    if not values:
        return "No A/A pair was measured."
    typical, quartiles = middle(values)
    return f"A/A pair (Ostiary against itself): {typical:.3f}, quartiles {quartiles}, of {len(values)} rounds."


def place(own: dict[str, str]) -> str:
    """What a reader must know of the machine, in one line."""
    return (
        f"{own['processor']}, {own['processors']} processors, {own['system']} {own['kernel']}, Python {own['python']}."
    )


def markdown(results: Results) -> str:
    """The whole run as one page."""
    lines = [
        "# Benchmark",
        "",
        f"{results.when:%d %B %Y, %H:%M} UTC, commit {results.commit}.",
        f"{results.pace.rounds} rounds of {results.pace.slice:g} s an arm, {results.seconds / 60:.0f} minutes in all.",
        place(results.machine),
        noise(results),
        "",
        "CPU-microseconds per request compare within one run only; the ratios are medians of ratios paired within the",
        "round. `bench/README.md` says how it is done and what each peer does.",
        "",
        "## Required and measured",
        "",
        "| what | bar | aim | measured | quartiles | |",
        "|---|---|---|---|---|---|",
    ]
    for verdict in verdicts(results):
        measured = "-" if verdict.measured is None else f"{verdict.measured:.3g}"
        found = f"{measured} | {verdict.spread} | {verdict.words}"
        lines.append(f"| {verdict.title} | ≤ {verdict.bar:g} | {verdict.aim:g} | {found} |")
    lines += _beside(results)
    for case in CASES:
        if case.name in results.cases:
            lines += ["", f"## {case.title}", "", *case_table(case, results.cases[case.name])]
    lines += _versions(results)
    return "\n".join(lines) + "\n"


def _beside(results: Results) -> list[str]:
    lines = [""]
    if results.latency:
        found = results.latency
        lines.append(
            f"Latency at {found.rate:,.0f} requests/s through the gateway: "
            f"p50 {found.through.p50:.2f} ms, p99 {found.through.p99:.2f} ms."
        )
        if found.nginx_added:
            lines.append(
                f"nginx in its place, doing none of its work, adds {found.nginx_added.p50:.2f} ms at p50 and "
                f"{found.nginx_added.p99:.2f} ms at p99."
            )
    if results.footprint:
        lines.append(
            f"From `ostiary serve` to the first answer: {results.footprint.startup:.2f} s. "
            f"A worker with 20,000 tokens in its cache: {results.footprint.loaded:.0f} MB."
        )
    return [*lines, *(f"- {problem}" for problem in results.problems)]


def case_table(case: Case, arms: dict[str, Figures]) -> list[str]:
    """One case, cheapest first; the ratio is Ostiary to the arm. Of large bodies, what a MiB costs, and the memory."""
    large = case.body >= 1 << 20
    of_size = " CPU µs/MiB | memory, MB |" if large else ""
    lines = [
        f"| gateway | CPU µs/{case.unit} |{of_size} {case.unit}s/s | Ostiary is |",
        f"|---|---|{'---|---|' if large else ''}---|---|",
    ]
    own = next(iter(arms.values()))
    measured = {name: figures for name, figures in arms.items() if figures.cpu_us}
    order = sorted(((name, figures.typical) for name, figures in measured.items()), key=operator.itemgetter(1))
    for name, cost in order:
        figures = measured[name]
        ratio = "" if figures is own or not own.cpu_us else f"{middle(ratios(own, figures))[0]:.2f} x"
        volume = f" {cost * (1 << 20) / case.body:.0f} | {_megabytes(figures.growth)} |" if large else ""
        lines.append(f"| {name} | {cost:.1f} |{volume} {median(figures.rate):,.0f} | {ratio} |")
    failed = [
        f"| {name} | {figures.problem} |{' | |' if large else ''} | |"
        for name, figures in arms.items()
        if figures.problem
    ]
    return lines + failed


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"+{size / 1e6:.1f}"


def _versions(results: Results) -> list[str]:
    versions = {figures.version for arms in results.cases.values() for figures in arms.values() if figures.version}
    return ["", "## Versions", "", *(f"- {version}" for version in sorted(versions))]
