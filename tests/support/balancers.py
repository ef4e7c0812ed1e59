"""Real proxies of TCP connections that speak the PROXY protocol: nginx's stream module, and HAProxy where there is one.

Each connects to the gateway from `SOURCE`, and inherits a listening socket as the nginx upstream does.
"""

from __future__ import annotations

import shutil
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.support.nginx import binary
from tests.support.process import Child

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.certificates import Pair

SOURCE: Final = "127.0.0.2"
_NGINX: Final = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
stream {
  server {
    listen 127.0.0.1:@PORT@ @TLS@;
    proxy_pass 127.0.0.1:@GATEWAY@;
    proxy_protocol on;
    proxy_bind @SOURCE@;
  }
}
"""
_HAPROXY: Final = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen balancer
  bind fd@@PORT@ @TLS@
  server gateway 127.0.0.1:@GATEWAY@ source @SOURCE@ check check-send-proxy inter 200ms @OPTIONS@
"""
HAPROXY: Final = shutil.which("haproxy")


@contextmanager
def nginx_balancer(folder: Path, gateway: int, own: Pair | None = None) -> Iterator[int]:
    """Run nginx before the port `gateway` for as long as the block lasts, and give its port.

    It writes headers of version 1. With a certificate of its `own` it terminates TLS.
    """
    tls = "" if own is None else f"ssl; ssl_certificate {own.certificate}; ssl_certificate_key {own.key}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        path = _write(folder, _NGINX, PORT=port, TLS=tls, GATEWAY=gateway)
        command: list[str | Path] = [binary(), "-e", "stderr", "-p", folder, "-c", path]
        inherited = listener.fileno()
        with Child(command, cwd=folder, env={"NGINX": f"{inherited};"}, pass_fds=[inherited]):
            yield port


@contextmanager
def haproxy_balancer(folder: Path, gateway: int, options: str, own: Pair | None = None) -> Iterator[int]:
    """The same with HAProxy: `options` of its server say which version it writes, and with what in it.

    It asks the gateway how it is, too, on connections of its own.
    """
    if HAPROXY is None:
        raise AssertionError  # the test was to be skipped
    tls = ""
    if own is not None:
        both = folder / "both.pem"
        both.write_bytes(own.certificate.read_bytes() + own.key.read_bytes())
        tls = f"ssl crt {both}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        inherited = listener.fileno()
        path = _write(folder, _HAPROXY, PORT=inherited, TLS=tls, GATEWAY=gateway, OPTIONS=options)
        with Child([HAPROXY, "-db", "-f", path], cwd=folder, pass_fds=[inherited]):
            yield listener.getsockname()[1]


def _write(folder: Path, text: str, **values: object) -> Path:
    for name, value in {**values, "SOURCE": SOURCE}.items():
        text = text.replace(f"@{name}@", str(value))
    path = folder / "balancer.conf"
    path.write_text(text)
    return path
