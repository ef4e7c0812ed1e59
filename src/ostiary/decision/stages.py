"""What the pipeline asks of its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ostiary.authenticate.identity import Identity
    from ostiary.decision.outcome import NotMine, Refusal
    from ostiary.http.request import Request
    from ostiary.jose.verify import VerifiedToken

    Proof = VerifiedToken | NotMine | Refusal


class Authenticator(Protocol):
    """One way to prove who is calling."""

    def authenticate(
        self, request: Request, issuers: frozenset[str], wall: float, mono: float
    ) -> Proof | Coroutine[Any, Any, Proof]:
        """Verify this way's credential of `request`, believing only the named issuers.

        What is known already is told at once; only what has to be found out is a coroutine to wait for (law 9). `wall`
        and `mono` are seconds of the wall and the monotonic clock. Raises `Broken`, now or when waited for, if what it
        needs to know cannot be had: never because of what the caller sent.
        """


class Authorizer(Protocol):
    """A condition that an identity must meet."""

    def authorize(self, identity: Identity) -> Refusal | None:
        """Say why `identity` may not pass, or None."""


class Propagator(Protocol):
    """A way to tell the upstream who is calling."""

    keeps_authorization: bool
    """Whether the caller's own Authorization goes upstream."""

    def render(self, identity: Identity) -> bytes:
        """Render the header lines, each ended by CRLF, that carry `identity`."""
