"""`ostiary check`: everything that is wrong with a configuration, at once."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
import msgspec

from ostiary import streams
from ostiary.commands import option

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ostiary.config.model import Config
    from ostiary.config.problem import Problem


@click.command("check")
@option.config
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(*, path: Path, as_json: bool) -> None:
    """Say everything that is wrong with a configuration, or that nothing is.

    Each problem comes with its file, line, column and path, and with how to mend it. References to the environment
    and to secret files are followed; nothing is fetched. Exit code 0: it can be served; 2: it cannot.
    """
    from ostiary.config.load import load
    from ostiary.config.problem import ConfigError

    problems: Sequence[Problem] = ()
    try:
        config = load(path, os.environ)
    except ConfigError as error:
        problems = error.problems
        if not as_json:
            _show(problems)
    else:
        if not as_json:
            click.echo(f"{click.format_filename(path)}: {_summary(config)}")
    if as_json:
        answer = {"ok": not problems, "problems": problems}
        click.echo(msgspec.json.format(msgspec.json.encode(answer)).decode())
    if problems:
        raise SystemExit(2)


def _summary(config: Config) -> str:
    counts = {
        "issuer": len(config.issuers),
        "upstream": len(config.upstreams),
        "route": len(config.routes),
        "limit": len(config.limits),
    }
    return "ok: " + ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for what, count in counts.items())


def _show(problems: Sequence[Problem]) -> None:
    if not streams.styled(sys.stderr):
        for problem in problems:
            click.echo(str(problem), err=True)
        return
    from rich.text import Text

    from ostiary.config.problem import printable

    console = streams.console(stderr=True)
    for problem in problems:
        place = f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
        console.print(Text.assemble((printable(place), "dim"), " ", (problem.path, "bold cyan")), soft_wrap=True)
        console.print(Text.assemble(("  ✗ ", "red"), problem.message))
        if problem.hint:
            console.print(Text.assemble(("  → ", "green"), problem.hint))
    count = len(problems)
    console.print(Text(f"{count} problem{'' if count == 1 else 's'}", "bold red"))
