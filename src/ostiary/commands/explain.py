"""`ostiary explain`: why a request would be let in or refused, before it happens."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Final

import click

from ostiary.commands import option

if TYPE_CHECKING:
    from pathlib import Path

    from ostiary.config.model import Config
    from ostiary.doors.explain import Ask, Explanation

_LABEL: Final = 14
_LONGEST_TOKEN: Final = 64 * 1024


@click.command("explain")
@option.config
@click.argument("method")
@click.argument("url")
@click.option("--token", help="Sent as Authorization: Bearer; - reads it from standard input.")
@click.option("--header", "-H", "headers", multiple=True, metavar="'NAME: VALUE'", help="A header; may be repeated.")
@click.option("--client", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where it comes from.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *, path: Path, method: str, url: str, token: str | None, headers: tuple[str, ...], client: str, as_json: bool
) -> None:
    """Say what would become of a request, stage by stage, and what the upstream would receive.

    URL is a whole one or a path, which is then asked of the gateway's own address. Nothing is sent upstream, and
    no shared limit is used up; keys are fetched from the identity provider as the gateway would. Exit code 0: it would
    be let in; 1: refused; 2: the configuration or the question is wrong.
    """
    from ostiary.config.load import load

    config = load(path, os.environ)
    ask = _ask(config, method, url, token, headers, client)
    explanation = asyncio.run(_explain(config, ask))
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(explanation)).decode())
    else:
        _tell(explanation)
    sys.exit(0 if explanation.allowed else 1)


async def _explain(config: Config, ask: Ask) -> Explanation:
    """Build a gateway that listens nowhere and limits in memory, and ask it."""
    from ostiary.doors.explain import explain
    from ostiary.gateway import Gateway
    from ostiary.observe.metrics import Metrics
    from ostiary.observe.security_log import SecurityLog
    from ostiary.observe.sink import Sink
    from ostiary.observe.writer import LineWriter
    from ostiary.stores.memory import MemoryStore

    metrics, writer = Metrics(), LineWriter(Sink("stderr"))
    gateway = Gateway(config, MemoryStore(), metrics, None, SecurityLog(writer, metrics))
    try:
        await gateway.prepare()
        return await explain(config, gateway.door, ask, time.time(), time.monotonic())
    finally:
        await gateway.drain(0.0)
        writer.close()


def _ask(config: Config, method: str, url: str, token: str | None, headers: tuple[str, ...], client: str) -> Ask:
    from ostiary.doors.explain import Ask
    from ostiary.http.forwarded import read_address
    from ostiary.http.target import BadTarget, split_absolute

    address = read_address(client)
    if address is None:
        raise click.BadParameter("not an IP address", param_hint="--client")
    fields = [_field(header) for header in headers]
    named = {field.partition(b":")[0].lower() for field in fields}
    if token is not None:
        value = sys.stdin.read(_LONGEST_TOKEN).strip() if token == "-" else token  # noqa: S105 - standard input's name
        fields.append(b"Authorization: Bearer " + _bytes(value, "--token"))
    asked = _bytes(url, "URL")
    own = str(config.server.listen).removesuffix(":0").encode()
    split = (own, asked) if url.startswith("/") else split_absolute(asked)
    if isinstance(split, BadTarget):
        raise click.BadParameter("neither a path nor an http:// or https:// URL", param_hint="URL")
    authority, target = split
    if b"host" not in named:
        fields.insert(0, b"Host: " + authority)
    start = b"%b %b HTTP/1.1" % (_bytes(method, "METHOD"), target)
    return Ask(b"\r\n".join([start, *fields]), address)


def _field(header: str) -> bytes:
    if ":" not in header:
        raise click.BadParameter("write 'Name: value'", param_hint="--header")
    return _bytes(header, "--header")


def _bytes(text: str, hint: str) -> bytes:
    """The octets as they would be on the wire; what could not stand in one line of it is refused."""
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in text if character != "\t"):
        raise click.BadParameter("contains control characters", param_hint=hint)
    return text.encode("utf-8", "surrogateescape")


def _tell(explanation: Explanation) -> None:
    from ostiary.config.problem import printable

    for finding in explanation.findings:
        mark, colour = ("✓", "green") if finding.passed else ("✗", "red")
        click.echo(f"{click.style(mark, fg=colour)} {finding.stage:<{_LABEL}}{printable(finding.verdict)}")
        for name, value in finding.facts.items():
            click.secho(f"  {'':<{_LABEL}}{name}: {printable(value)}", dim=True)
    if explanation.allowed:
        click.secho("\nAllowed. The upstream would receive:\n", fg="green", bold=True)
    else:
        click.secho("\nRefused. The caller would receive:\n", fg="red", bold=True)
    for line in (explanation.upstream or explanation.answer).rstrip().split("\r\n"):
        click.echo(f"    {printable(line)}".rstrip())
