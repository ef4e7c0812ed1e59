"""The command line: ``python -m bench [--quick] [--only CASE]``, or ``against REVISION``, ``soak`` or ``shapes``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console
from rich.markdown import Markdown

from bench import against, footprint, latency, machine, measure, report, revision, shapes, soak, store, upstream
from bench.cases import CASES, Ground, judged
from bench.load import LoadError
from bench.measure import Pace
from bench.probes import ProbeError
from bench.process import StartError
from bench.revision import RevisionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.cases import Case

RESULTS: Final = Path(__file__).parent / "results"
FULL: Final = Pace(rounds=7, warm=0.3, slice=1.2)
QUICK: Final = Pace(rounds=3, warm=0.2, slice=0.6)
LIMIT: Final = {"full": 13.0 * 60, "quick": 2.4 * 60}
"""Seconds after which no further case is begun: the run has a bound, whatever the machine."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; 0 means that it ran, not that every bar was held."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ostiary and its peers, side by side.")
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    for place in (parser, common):  # before a command and behind it
        _extent(place)
    commands = parser.add_subparsers(dest="command")
    comparing = commands.add_parser(
        "against", parents=[common], help="the main cases, beside Ostiary of another revision: is anything worse?"
    )
    comparing.add_argument("revision", help="any name that git has for a commit")
    soaking = commands.add_parser("soak", help="mixed load for a long time: is memory flat?")
    soaking.add_argument("--minutes", type=float, default=30.0)
    commands.add_parser("shapes", help="idle, slow and short connections by the thousand")
    options = parser.parse_args(arguments)
    console = Console(highlight=False)
    try:
        cpus = machine.processors()
    except machine.TooFewProcessors as error:
        console.print(f"bench: {error}")
        return 2
    os.sched_setaffinity(0, {cpus[1]})
    with TemporaryDirectory(prefix="bench-") as folder:
        if options.command == "soak":
            return _soak(options.minutes, cpus, Path(folder), console)
        if options.command == "shapes":
            return _shapes(cpus, Path(folder), console)
        pace = QUICK if options.quick else FULL
        if options.rounds:
            pace = msgspec.structs.replace(pace, rounds=options.rounds)
        limit = LIMIT["quick" if options.quick else "full"]
        if options.command == "against":
            return _against(options.revision, against.cases(options.only), pace, limit, cpus, Path(folder), console)
        chosen = [case for case in CASES if _wanted(case, options.only, quick=options.quick)]
        results = _bench(chosen, pace, limit, cpus, Path(folder), console, all_arms=not options.quick)
    _write(results, "quick" if options.quick or options.only else "latest", console)
    return 0


def _extent(parser: argparse.ArgumentParser) -> None:
    """Take what says how much is measured."""
    parser.add_argument("--quick", action="store_true", help="what bars speak of, and shorter: within three minutes")
    parser.add_argument(
        "--only", action="append", metavar="CASE", choices=[case.name for case in CASES], help="repeatable"
    )
    parser.add_argument("--rounds", type=int, help="rounds for each case")


def _wanted(case: Case, only: list[str] | None, *, quick: bool) -> bool:
    if only:
        return case.name in only
    return not quick or (case.quick and bool(judged(case.name)))


def _bench(
    cases: Sequence[Case], pace: Pace, limit: float, cpus: tuple[int, int], folder: Path, console: Console,
    *, all_arms: bool,
) -> report.Results:  # fmt: skip
    results = report.Results(datetime.now(UTC), machine.describe(), revision.known(), pace)
    start = time.monotonic()
    gateway, other = cpus
    with (
        upstream.start(other, folder / "upstream") as service,
        upstream.start_plain(other, folder / "plain") as plain,
        store.start(other, folder / "store") as valkey,
    ):
        ground = Ground(service.port, f"valkey://127.0.0.1:{valkey.port}", plain.port)
        for case in cases:
            if time.monotonic() - start > limit:
                results.problems.append(f"Out of time: {case.title} was not measured.")
                continue
            with console.status("") as status:
                names = judged(case.name)
                # Fewer rounds where no bar depends on it.
                own = pace if names else msgspec.structs.replace(pace, rounds=max(pace.rounds - 3, 1))
                arms = measure.run(
                    [arm for arm in case.arms(ground) if all_arms or arm.name in names],
                    own, gateway, folder / case.name, lambda text: status.update(f"[dim]{text}"),
                )  # fmt: skip
            results.cases[case.name] = arms
            console.print(f"[bold]{case.title}[/]")
            console.print(Markdown("\n".join(report.case_table(case, arms))))
        _latency_and_footprint(results, ground, gateway, folder, console)
    results.seconds = time.monotonic() - start
    return results


def _latency_and_footprint(
    results: report.Results, ground: Ground, gateway: int, folder: Path, console: Console
) -> None:
    main_case = results.cases.get("seen-rs256")
    if main_case is None or not main_case["Ostiary"].rate:
        return
    pace = msgspec.structs.replace(results.pace, rounds=min(results.pace.rounds, 5))
    try:
        with console.status("[dim]latency at half load"):
            results.latency = latency.added(ground, pace, gateway, folder / "latency")
        with console.status("[dim]start, memory, tokens"):
            results.footprint = footprint.weigh(ground, gateway, folder / "footprint")
    except (LoadError, ProbeError, StartError, OSError) as error:
        results.problems.append(f"Latency or footprint: {error}")


def _write(results: report.Results, name: str, console: Console) -> None:
    text = report.markdown(results)
    summary = text.split("\n## ")[1]
    console.print(Markdown(f"## {summary}"))
    console.print(report.noise(results))
    _keep(results, name, text, "table" if name == "latest" else name, console)


def _keep(results: object, name: str, text: str, page: str, console: Console) -> None:
    """Write a run as data and as the page that a person reads."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
    (RESULTS / f"{page}.md").write_text(text)
    console.print(f"Written: {RESULTS / page}.md, {name}.json")


def _against(
    old: str, chosen: Sequence[Case], pace: Pace, limit: float, cpus: tuple[int, int], folder: Path, console: Console
) -> int:
    try:
        with console.status("") as status:
            results = against.run(old, chosen, pace, limit, cpus, folder, lambda text: status.update(f"[dim]{text}"))
    except (RevisionError, StartError) as error:
        console.print(f"bench: {error}")
        return 1
    text = against.markdown(results)
    console.print(Markdown(text))
    name = "against" if pace.slice == FULL.slice and chosen == against.cases(None) else "quick-against"
    _keep(results, name, text, name, console)
    return 0


def _soak(minutes: float, cpus: tuple[int, int], folder: Path, console: Console) -> int:
    try:
        samples = soak.run(minutes, cpus, folder, console)
    except (LoadError, StartError) as error:
        console.print(f"bench: {error}")
        return 1
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "soak.json").write_bytes(msgspec.json.format(msgspec.json.encode(samples), indent=1) + b"\n")
    good = soak.flat(samples)
    console.print("flat" if good else "NOT flat: memory or descriptors grew between the second quarter and the last")
    return 0 if good else 1


def _shapes(cpus: tuple[int, int], folder: Path, console: Console) -> int:
    try:
        results = shapes.run(cpus, folder, console)
    except (LoadError, StartError, OSError) as error:
        console.print(f"bench: {error}")
        return 1
    _keep(results, "shapes", shapes.markdown(results), "shapes", console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
