"""`ostiary serve`: run the gateway."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import click

from ostiary import streams
from ostiary.commands import option

if TYPE_CHECKING:
    from pathlib import Path

    from ostiary.config.model import Config


@click.command("serve")
@option.config
def command(path: Path) -> None:
    """Run the gateway until it is told to stop.

    SIGTERM and SIGINT let open requests finish for at most `server.drain`; a second one ends them at once.
    """
    from ostiary.config.load import load
    from ostiary.serve.supervisor import CannotServe

    config = load(path, os.environ)
    try:
        asyncio.run(_serve(config))
    except CannotServe as problem:
        raise click.ClickException(str(problem)) from None


async def _serve(config: Config) -> None:
    """Serve, and say what there is to say without waiting until it is read: health and restarts must not hang on it."""
    from ostiary.observe.sink import Sink
    from ostiary.observe.writer import LineWriter
    from ostiary.serve.run import serve

    writer, coloured = LineWriter(Sink("stderr")), streams.styled(sys.stderr)
    try:
        await serve(config, lambda text: writer.write(f"{text if coloured else click.unstyle(text)}\n".encode()))
    finally:
        writer.close()
