"""How the tour is told in a terminal."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax
from rich.text import Text

from ostiary.demo.identity_provider import WARNING

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from ostiary.demo.configuration import Addresses
    from ostiary.demo.step import Answer, Step

_TELLING_FIELDS: Final = ("www-authenticate", "retry-after", "ratelimit", "ratelimit-policy")
_IDENTITY: Final = ("x-user-", "x_user", "x-tenant-", "x-token-", "authorization")
_LABEL: Final = 10
_INDENT: Final = "    "


class Telling:
    """Prints the demo's story on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def opening(self, at: Addresses, path: Path, text: str, seconds: float, workers: int) -> None:
        """Say what is running and by which configuration."""
        out = self._console
        out.print(Rule("[bold]Ostiary[/bold], a doorkeeper for HTTP APIs"))
        out.print(Panel(WARNING, style="bold black on yellow"))
        self._line("provider", Text(f"{at.provider}  discovery, JWKS, token endpoint; keys just made"))
        self._line("echo API", Text(f"{at.echo}  answers with what it received"))
        self._line("gateway", Text(f"{at.gateway}  {workers} workers, ready after {seconds:.1f} s"))
        self._line("admin", Text(f"{at.admin}  /health/live  /health/ready  /metrics"))
        self._line("config", Text(str(path)))
        out.print()
        for line in Syntax("", "yaml", background_color="default").highlight(text).split(allow_blank=True):
            out.print(Text(_INDENT if line else "").append_text(line), soft_wrap=True)

    def step(self, number: int, step: Step, answer: Answer, found: list[str]) -> None:
        """Tell one step: the request, what it shows, the answer, and what the service behind saw of it."""
        out = self._console
        out.print(f"[bold]{number:2}. {escape(step.title)}[/bold]")
        for line in Text(step.lesson, style="italic").wrap(out, out.width - len(_INDENT)):
            line.rstrip()
            out.print(Text(_INDENT).append_text(line), soft_wrap=True)
        times = f"  ({step.before + 1} times)" if step.before else ""
        self._line("request", Text(f"{step.method} {step.path}{times}", style="cyan"))
        for name, value in step.headers.items():
            self._line("", Text(f"{name}: {value}", style="cyan"))
        if step.token:
            self._line("", Text(f"Authorization: Bearer {step.token[:8]}…  ({step.whose})", style="cyan"))
        verdict = Text(str(answer.status), style="bold green" if answer.status < 400 else "bold red")
        if answer.error:
            verdict.append(f" {answer.error}")
            verdict.append(f"  {answer.message}", style="not bold default")
        self._line("answer", verdict)
        for name in _TELLING_FIELDS:
            if name in answer.headers:
                self._line("", Text(f"{name}: {answer.headers[name]}", style="dim"))
        self._upstream(answer)
        for surprise in found:
            self._line("✗", Text(surprise, style="bold red"))
        if not found:
            self._line("✓", Text("as expected", style="green"))
        out.print()

    def _upstream(self, answer: Answer) -> None:
        if answer.echo is None:
            self._line("service", Text("was not asked", style="dim"))
            return
        lines = [
            f"{name}: {value}" for name, value in answer.echo.headers.items() if name.lower().startswith(_IDENTITY)
        ]
        for index, line in enumerate(lines or ["saw no identity"]):
            self._line("" if index else "service", Text(line, style="magenta" if lines else "dim"))

    def summary(self, count: int, surprised: int) -> None:
        """Say how the tour went."""
        if surprised:
            self._console.print(
                Rule(f"[bold red]{surprised} of {count} steps went otherwise than expected", style="red")
            )
        else:
            self._console.print(Rule(f"[bold green]all {count} steps as expected", style="green"))

    def farewell(self, at: Addresses, path: Path) -> None:
        """Say how to go on by hand: lines to paste into another terminal."""
        self._console.print("\nEverything stays up. In another terminal:\n")
        for line in pasteable(at, path):
            # Not wrapped: what is pasted must be what is meant.
            self._console.print(Text(line, style="cyan"), soft_wrap=True)
        self._console.print("\nCtrl-C ends it and leaves nothing behind.")

    def failure(self, text: str) -> None:
        """Say what failed."""
        self._console.print(Rule("[bold red]the demo could not start", style="red"))
        self._console.print(Text(text), soft_wrap=True)

    def _line(self, label: str, text: Text) -> None:
        self._console.print(Text(f"{_INDENT}{label:<{_LABEL}}").append_text(text), soft_wrap=True)


def pasteable(at: Addresses, path: Path) -> list[str]:
    """Return shell lines that get fresh tokens and use them, with curl and sed alone. `path` is the configuration's."""
    form = "-d grant_type=client_credentials -d client_id=$1 -d client_secret=$1-secret"
    extract = """sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/'"""
    bearer = '-H "Authorization: Bearer $%s"'
    again = "for i in 1 2 3 4 5 6 7; do"
    explain = f"{shlex.quote(sys.executable)} -m ostiary explain -c {shlex.quote(str(path))}"
    return [
        f"token() {{ curl -s {at.provider}/token {form} | {extract}; }}",
        "KIOSK=$(token kiosk) OFFICE=$(token back-office)",
        f"curl -i {at.gateway}/orders",
        f"curl -i {at.gateway}/orders {bearer % 'KIOSK'}",
        f"curl -i {at.gateway}/orders {bearer % 'OFFICE'} -d 'two lamps'",
        f"{again} curl -si {at.gateway}/reports {bearer % 'KIOSK'} | head -1; done   # 5 a minute, less the tour's",
        f"curl -s -X POST {at.provider}/rotate   # new keys; tokens signed with the last ones stay good",
        f"curl -s {at.admin}/metrics | grep ^ostiary",
        f"{explain} POST /orders --token $KIOSK",
    ]
