"""`ostiary demo`: see the gateway at work, with everything it needs around it."""

from __future__ import annotations

import asyncio
import sys

import click

from ostiary import streams

_INTERRUPTED = 130  # what a shell reports for a command ended by SIGINT


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the tour; exit 1 if a step went otherwise than expected.")
@click.option("--workers", type=click.IntRange(1, 16), default=2, show_default=True, help="Worker processes.")
def command(*, once: bool, workers: int) -> None:
    """Start a development identity provider, an echo API and a real gateway, and take a guided tour.

    Everything listens on loopback: the gateway on port 8080, its admin listener on 9090, the provider on 9000 and
    the echo API on 9001; where one is taken, and with --once, on free ones, as the first lines say. All of it
    stays up for trying things by hand until Ctrl-C.
    """
    from ostiary.demo.run import run
    from ostiary.demo.telling import Telling

    try:
        code = asyncio.run(run(Telling(streams.console()), once=once, workers=workers))
    except (KeyboardInterrupt, asyncio.CancelledError):
        code = _INTERRUPTED
    sys.exit(code)
