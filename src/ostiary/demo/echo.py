"""A small API that answers with what it received. Run alone: ``python -m ostiary.demo.echo``."""

from __future__ import annotations

import sys

import click
import msgspec
from aiohttp import web

from ostiary.demo.loopback import HOST, bind, port_of, run_alone


class Echo(msgspec.Struct, frozen=True):
    """What arrived. `path` is the request target; values of a repeated header are joined (RFC 9110 section 5.3)."""

    method: str
    path: str
    headers: dict[str, str]
    body_bytes: int


async def echo(request: web.Request) -> web.Response:
    """Answer any request with an `Echo` in JSON; of the body, only its size is kept."""
    size = 0
    async for piece in request.content.iter_any():
        size += len(piece)
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    answer = Echo(request.method, request.raw_path, headers, size)
    return web.Response(body=msgspec.json.encode(answer) + b"\n", content_type="application/json")


def application() -> web.Application:
    """Return the echo API: every method, every path."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", echo)
    return app


@click.command
@click.option("--port", default=9001, show_default=True, help="Port on 127.0.0.1; another is taken if it is in use.")
def main(port: int) -> None:
    """Run the echo API by itself until interrupted."""
    sock = bind(port)
    sys.stderr.write(f"http://{HOST}:{port_of(sock)}/\n")
    run_alone(application(), sock)


if __name__ == "__main__":
    main()
