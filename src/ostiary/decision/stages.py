"""What the pipeline asks of its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ostiary.authenticate.identity import Identity
    from ostiary.decision.outcome import NotMine, Refusal
    from ostiary.http.request import Request
    from ostiary.jose.verify import VerifiedToken


class Authenticator(Protocol):
    """One way to prove who is calling."""

    async def authenticate(
        self, request: Request, issuers: frozenset[str], wall: float, mono: float
    ) -> VerifiedToken | NotMine | Refusal:
        """Verify this way's credential of `request`, believing only the named issuers.

        `wall` and `mono` are seconds of the wall and the monotonic clock. Raises `Broken` when what it needs to know
        cannot be had: never because of what the caller sent.
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
