"""What the pipeline says of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from ostiary.decision.grant import Caller, Grant
    from ostiary.decision.outcome import Refusal
    from ostiary.routes.route import Route


class Allowed(msgspec.Struct, frozen=True):
    """The request may pass. `fields` are header lines for the answer (``RateLimit``), b"" if there are none."""

    route: Route
    grant: Grant
    fields: bytes


class Refused(msgspec.Struct, frozen=True):
    """The request goes no further. `route` is None where none matched; `caller` is None where nobody was proved."""

    route: Route | None
    refusal: Refusal
    caller: Caller | None = None
    fields: bytes = b""


Decision = Allowed | Refused
