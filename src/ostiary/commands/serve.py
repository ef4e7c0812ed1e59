"""`ostiary serve`: run the gateway."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click


@click.command("serve")
@click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    default="ostiary.yaml",
    show_default=True,
    help="The configuration.",
)
def command(path: Path) -> None:
    """Run the gateway until it is told to stop.

    SIGTERM and SIGINT let open requests finish for at most `server.drain`; a second one ends them at once.
    """
    from ostiary.config.load import load
    from ostiary.serve.run import serve
    from ostiary.serve.supervisor import CannotServe

    config = load(path, os.environ)
    try:
        asyncio.run(serve(config, _say))
    except CannotServe as problem:
        raise click.ClickException(str(problem)) from None


def _say(text: str) -> None:
    click.echo(text, err=True)
