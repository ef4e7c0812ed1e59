"""The handshakes of a listener: how many at once, how they ended, and which clients were not who they had to be."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from ostiary.observe import families
from ostiary.observe.security_log import CLIENT_CERTIFICATE_REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.observe.metrics import Metrics
    from ostiary.observe.security_log import SecurityLog

_NONE_SHOWN: Final = "PEER_DID_NOT_RETURN_A_CERTIFICATE"


class Handshakes:
    """Keeps account of one worker's handshakes. Clocks return seconds."""

    def __init__(
        self,
        limit: int,
        metrics: Metrics,
        security_log: SecurityLog,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.limit = limit
        self.pending = 0
        self.wall = wall
        self._monotonic = monotonic
        self._security_log = security_log
        results = {
            result: metrics.counter(families.TLS_HANDSHAKES, result)
            for result in ("full", "resumed", "failed", "abandoned", "refused")
        }
        self._full, self._resumed = results["full"], results["resumed"]
        self._failed, self._abandoned, self._refused = results["failed"], results["abandoned"], results["refused"]

    def admit(self) -> None:
        """Let one more begin. Raises `ConnectionAbortedError` if too many are under way."""
        if self.pending >= self.limit:
            self._refused.value += 1
            raise ConnectionAbortedError("too many handshakes")

    def completed(self, *, resumed: bool) -> None:
        """Count one that ended well."""
        (self._resumed if resumed else self._full).value += 1

    def abandoned(self) -> None:
        """Count one whose client left, or took too long."""
        self._abandoned.value += 1

    def failed(self, error: Exception) -> None:
        """Count one that failed, and tell the security log if the client's certificate was why."""
        self._failed.value += 1
        if isinstance(error, ssl.SSLCertVerificationError):
            detail = getattr(error, "verify_message", "") or str(error.args[0])
        elif getattr(error, "reason", "") == _NONE_SHOWN:
            detail = "no client certificate"
        else:
            return
        self._security_log.write(CLIENT_CERTIFICATE_REFUSED, self.wall(), self._monotonic(), detail=detail)
