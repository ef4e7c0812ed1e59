"""One TLS session of the listener, from its first byte: how its handshake ends, and what it proved."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from ostiary.tls.client_certificate import ClientCertificate, read_client_certificate

if TYPE_CHECKING:
    from ostiary.tls.handshakes import Handshakes


class Session(ssl.SSLObject):
    """What OpenSSL knows of one connection, counted among the `handshakes` until its own is over."""

    server_name: str | None = None
    """The name that the client asked for, in lower case; None if it asked for none."""
    certificate: ClientCertificate | None = None
    """Who the client is, if it was asked and has said so."""
    _handshakes: Handshakes | None = None
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO
    _failed = False  # not the exception itself: its traceback would keep this session alive

    def begin(self, handshakes: Handshakes, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> None:
        """Be one of the `handshakes` from now on. The buffers are those between this session and the connection."""
        self._handshakes = handshakes
        self._incoming = incoming
        self._outgoing = outgoing
        handshakes.pending += 1

    def read(self, len: int = 1024, buffer: bytearray | None = None) -> int | bytes:  # type: ignore[override]  # noqa: A002
        """As of `ssl.SSLObject`. Loops read until there is nothing: to say so costs OpenSSL 1.8 us, and 0.4 here."""
        incoming = self._incoming
        if not incoming.pending and not self.pending() and not incoming.eof:
            raise ssl.SSLWantReadError
        return super().read(len, buffer)

    def do_handshake(self) -> None:
        """Go on. Raises what OpenSSL raises, or an `SSLError` if the client is not who it must be."""
        if self._failed:
            raise ssl.SSLError("the handshake has failed before")
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except Exception as error:
            self._fail(error)
            if self._outgoing.pending:
                # The alert that tells the client why. An event loop sends it only if there is something to wait for:
                # the client's end of the connection, which comes then, or the time-out.
                raise ssl.SSLWantReadError from error
            raise
        try:
            self._identify()
        except ssl.SSLError as error:
            self._fail(error)
            raise
        if self._handshakes is not None:
            self._leave(self._handshakes).completed(resumed=bool(self.session_reused))

    def __del__(self) -> None:
        if self._handshakes is not None:
            handshakes = self._leave(self._handshakes)
            if not self._failed:
                handshakes.abandoned()

    def _fail(self, error: Exception) -> None:
        self._failed = True
        if self._handshakes is not None:
            self._handshakes.failed(error)

    def _leave(self, handshakes: Handshakes) -> Handshakes:
        self._handshakes = None
        handshakes.pending -= 1
        return handshakes

    def _identify(self) -> None:
        """Take note of the client's certificate. A resumed session brings the one that its first handshake verified."""
        handshakes = self._handshakes
        if handshakes is None or self.context.verify_mode == ssl.CERT_NONE:
            return
        der = self.getpeercert(binary_form=True)
        if der is None:
            if self.context.verify_mode == ssl.CERT_REQUIRED:
                raise ssl.SSLCertVerificationError("no client certificate")
            return
        try:
            certificate = read_client_certificate(der)
        except ValueError:
            raise ssl.SSLCertVerificationError("unreadable client certificate") from None
        if not certificate.valid(handshakes.wall()):
            raise ssl.SSLCertVerificationError("client certificate not valid at this time")
        self.certificate = certificate
