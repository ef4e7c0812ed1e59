"""A TLS connection without a network: two sessions, and what passes between them."""

from __future__ import annotations

import contextlib
import ssl
import time
from typing import TYPE_CHECKING, Literal

from ostiary.config.model import Certificate, ClientCertificates, Tls
from ostiary.observe.metrics import Metrics
from ostiary.observe.security_log import SecurityLog
from ostiary.observe.sink import Sink
from ostiary.observe.writer import LineWriter
from ostiary.tls.contexts import listener_context
from ostiary.tls.current import CurrentContext
from ostiary.tls.handshakes import Handshakes
from tests.support.certificates import Authority
from tests.support.moments import Moments

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.certificates import Pair


class Ground:
    """A listener's context in a folder, with its clock, its metrics and its log. `authority` signs for both sides."""

    def __init__(self, folder: Path, mode: Literal["", "optional", "required"] = "", limit: int = 10) -> None:
        self.authority = Authority(folder)
        self.own = self.authority.issue("own", "a.example")
        clients = ClientCertificates(mode=mode, ca=str(self.authority.ca)) if mode else None
        pair = Certificate(certificate=str(self.own.certificate), key=str(self.own.key))
        self.tls = Tls(certificates=(pair,), client_certificates=clients)
        self.clock = Moments(time.time())
        self.metrics = Metrics()
        self.log = folder / "security.log"
        self.writer = LineWriter(Sink(str(self.log)))
        security_log = SecurityLog(self.writer, self.metrics)
        self.handshakes = Handshakes(limit, self.metrics, security_log, self.clock, self.clock)
        self.context = CurrentContext(
            lambda: listener_context(self.tls, self.clock(), lambda *_: None), self.handshakes
        )

    def results(self) -> dict[str, float]:
        """The handshakes that ended, by how."""
        found = self.metrics.snapshot().values["ostiary_tls_handshakes_total"]
        return {labels[0]: value for labels, value in found.items() if value}

    def client(self, own: Pair | None = None) -> ssl.SSLContext:
        """A client that believes the authority."""
        context = ssl.create_default_context(cafile=str(self.authority.ca))
        if own is not None:
            context.load_cert_chain(own.certificate, own.key)
        return context


class Wired:
    """A server's session and a client's, each the other's peer. Raises what `wrap_bio` raises."""

    def __init__(
        self,
        server: ssl.SSLContext,
        client: ssl.SSLContext,
        name: str = "a.example",
        session: ssl.SSLSession | None = None,
    ) -> None:
        self.up, self.down = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._up, self._down = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = server.wrap_bio(self.up, self._down, server_side=True)
        self.client = client.wrap_bio(self.down, self._up, server_hostname=name, session=session)

    def carry(self) -> None:
        """Take what each has sent to the other."""
        self.up.write(self._up.read())
        self.down.write(self._down.read())

    def shake(self) -> None:
        """Go through the handshake. Raises what either end raises."""
        for _ in range(4):
            for end in (self.client, self.server):
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                self.carry()
