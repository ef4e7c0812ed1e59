"""Tell the upstream who calls by leaving the caller's own token in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ostiary.authenticate.identity import Identity


class PassThrough:
    """The original Authorization goes upstream, for services that verify it again; no identity headers are added."""

    keeps_authorization = True

    def render(self, identity: Identity) -> bytes:  # noqa: ARG002  # the protocol's signature
        """See `Propagator.render`."""
        return b""
