"""A context that is replaced while it is in use: connections that live keep theirs, the next ones get the new one."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Self

from ostiary.tls.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.tls.handshakes import Handshakes


class CurrentContext(ssl.SSLContext):
    """Stands for the context that `build` made last, for an event loop that is given a context once and for all."""

    def __new__(cls, _: Callable[[], ssl.SSLContext], handshakes: Handshakes | None = None) -> Self:
        """Be a context of the kind that stands behind."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER if handshakes is not None else ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, build: Callable[[], ssl.SSLContext], handshakes: Handshakes | None = None) -> None:
        """Build the first. Raises what `build` raises. With `handshakes` it is a listener's, and they are bounded."""
        self._build = build
        self._handshakes = handshakes
        self._current = build()

    def renew(self) -> None:
        """Build another, whose ticket keys are new: what an old one verified is not resumed. Raises as before."""
        self._current = self._build()

    def wrap_bio(  # noqa: D102  # see `ssl.SSLContext`
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002  # the parent's signature
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        handshakes = self._handshakes
        if handshakes is None:
            return self._current.wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        handshakes.admit()
        wrapped = self._current.wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        assert isinstance(wrapped, Session)  # noqa: S101  # as `listener_context` has it
        wrapped.begin(handshakes, incoming, outgoing)
        return wrapped
