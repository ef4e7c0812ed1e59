"""HAProxy: jwt_verify and claim checks in its rule language, a stick table for each caller; one thread."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from bench.peers.base import Launch, Unavailable, first_line
from bench.spec import PLENTY
from bench.tokens import AUDIENCE, ISSUER, SCOPE

if TYPE_CHECKING:
    from pathlib import Path

    from bench.spec import Work

CONFIG = """
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout http-request 10s
  option http-keep-alive
  http-reuse always
  {log}
frontend front
  bind 127.0.0.1:{port}
  http-request del-header X-User-Id
  http-request del-header X-User-Email
  http-request del-header X-Tenant-Id
  http-request del-header X-Token-Issuer
  http-request del-header X-Token-Scopes
  http-request del-header X-Token-Expires
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request set-var(txn.iss) var(txn.token),jwt_payload_query('$.iss')
  http-request set-var(txn.aud) var(txn.token),jwt_payload_query('$.aud')
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.sub) var(txn.token),jwt_payload_query('$.sub')
  http-request set-var(txn.scope) var(txn.token),jwt_payload_query('$.scope')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.alg) -m str {algorithm} }}
  http-request deny deny_status 401 unless {{ var(txn.iss) -m str {issuer} }}
  http-request deny deny_status 401 unless {{ var(txn.aud) -m str {audience} }}
  http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify(txn.alg,"{pem}") -m int 1 }}
  http-request deny deny_status 403 unless {{ var(txn.scope) -m reg (^|\\ ){scope}(\\ |$) }}
  http-request track-sc0 var(txn.sub) table callers
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {rate} }}
  http-request set-header X-User-Id %[var(txn.sub)]
  http-request set-header X-User-Email %[var(txn.token),jwt_payload_query('$.email')]
  http-request set-header X-Tenant-Id %[var(txn.token),jwt_payload_query('$.tenant_id')]
  http-request set-header X-Token-Issuer %[var(txn.iss)]
  http-request set-header X-Token-Scopes %[var(txn.scope)]
  http-request set-header X-Token-Expires %[var(txn.exp)]
  http-request set-header X-Request-Id %[uuid()]
  http-request set-header X-Forwarded-For %[src]
  http-request del-header Authorization
  default_backend service
backend callers
  stick-table type string len 64 size 100k expire 10m store http_req_rate({period})
backend service
  server one 127.0.0.1:{upstream}
"""

LOG = (
    "log stdout len 4096 format raw local0\n"
    '  log-format \'{"time":"%Tl","client":"%ci","method":"%HM","path":"%HP","status":%ST,"bytes":%B,'
    '"duration":%Ta,"subject":"%[var(txn.sub)]","upstream":"%s"}\''
)


class HAProxy:
    """The system's HAProxy: there is no wheel of it."""

    name = "HAProxy"
    authenticates = True

    def __init__(self) -> None:
        self._binary = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

    def version(self) -> str:
        """As HAProxy says it."""
        if self._binary is None:
            raise Unavailable("haproxy is not installed (apt-get install haproxy)")
        return " ".join(first_line(self._binary, "-v").split()[:3]).replace(" version", "")

    def prepare(self, work: Work, port: int, folder: Path) -> Launch:
        """All of `work` but a cache of tokens, which HAProxy does not have; standard output is the access log."""
        if self._binary is None:
            raise Unavailable("haproxy is not installed (apt-get install haproxy)")
        if work.key.algorithm == "EdDSA":
            raise Unavailable("HAProxy verifies no EdDSA")
        pem = folder / "issuer.pem"
        pem.write_bytes(work.key.public_pem)
        config = folder / "haproxy.cfg"
        config.write_text(
            CONFIG.format(
                port=port,
                upstream=work.upstream,
                algorithm=work.key.algorithm,
                issuer=ISSUER,
                audience=AUDIENCE,
                scope=SCOPE.replace(".", "[.]"),
                pem=pem,
                rate=1 if work.limited else PLENTY,
                period="1h" if work.limited else "1s",
                log=LOG if work.log else "no log",
            )
        )
        return Launch([self._binary, "-db", "-f", config])
