"""The decision: the one function that every door calls (law 1).

Read `Pipeline.decide` for the way of a request: route, credentials, authenticate, authorise, limit. It is written as
ordinary ``async def``; nothing in it suspends while everything it needs is in memory, so a door can drive it to its end
in the turn of the loop that read it (law 9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.authenticate.identity import IdentityReader
from ostiary.authorize.websocket import judge_handshake
from ostiary.credentials.cookie import take_cookie
from ostiary.decision.decision import Allowed, Decision, Refused
from ostiary.decision.grant import ANONYMOUS, Caller, Denied, Grant, grant
from ostiary.decision.outcome import NOT_MINE, Broken, NotMine, Refusal
from ostiary.decision.reason import INTERNAL_ERROR, INVALID_TOKEN, MISSING_TOKEN, NO_ROUTE, RATE_LIMITED
from ostiary.jose.verify import VerifiedToken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ostiary.config.model import Issuer
    from ostiary.decision.stages import Authenticator, Proof
    from ostiary.http.request import Request
    from ostiary.http.websocket import BadHandshake, Handshake
    from ostiary.routes.route import Policy, Route
    from ostiary.routes.table import RouteTable

    Observer = Callable[[str, object], None]

_NO_ROUTE: Final = Refusal(NO_ROUTE)
_MISSING: Final = Refusal(MISSING_TOKEN, "Send an Authorization header of the form: Bearer <token>.")
_OTHER_SCHEME: Final = Refusal(INVALID_TOKEN, "The credential is of a kind that is not accepted here.")
_BUG: Final = Refusal(INTERNAL_ERROR)
_POLICIES_A_TOKEN: Final = 16
_PROOFS: Final = (VerifiedToken, NotMine, Refusal)


class Pipeline:
    """The compiled configuration as a function from request to decision."""

    def __init__(
        self,
        routes: RouteTable[Route],
        authenticators: tuple[Authenticator, ...],
        issuers: Mapping[str, Issuer],
        bug: Callable[[BaseException], None],
    ) -> None:
        """Compile; `bug` is told of every unknown exception."""
        self._routes = routes
        self._authenticators = authenticators
        self._identities = {name: IdentityReader(name, issuer) for name, issuer in issuers.items()}
        self._bug = bug

    async def decide(  # noqa: C901  # the whole way of a request, on one screen and in one coroutine
        self, request: Request, wall: float, mono: float, observe: Observer | None = None
    ) -> Decision:
        """Decide on `request` at the time `wall` (Unix seconds) and `mono` (monotonic seconds).

        Never raises but on cancellation: a failed dependency is the refusal that it carries, an unknown exception a
        refusal with ``internal_error``. `observe` is told the name and the finding of each stage.
        """
        route: Route | None = None
        granted: Grant | Denied | Refusal | None = None
        try:
            route = self._routes.match(request.host, request.method, request.path)
            if observe is not None:
                observe("route", route)
            if route is None:
                return Refused(None, _NO_ROUTE)

            if request.handshake is not None:
                asked = _asked(request, request.handshake, route, observe)
                if isinstance(asked, Refusal):
                    return Refused(route, asked)
                request = asked
            found: Proof = NOT_MINE
            for authenticator in self._authenticators:
                proof = authenticator.authenticate(request, route.issuers, wall, mono)
                found = proof if isinstance(proof, _PROOFS) else await proof
                if found is not NOT_MINE:
                    break
            if observe is not None:
                observe("authenticate", found)
            granted = self._grant(found, route, request, observe)
            if not isinstance(granted, Grant):
                return (
                    Refused(route, granted)
                    if isinstance(granted, Refusal)
                    else Refused(route, granted.refusal, granted)
                )

            limiter = route.policy.limiter
            if limiter is None:
                return Allowed(route, granted, b"")
            key = granted.limit_key or limiter.key_for(granted.issuer or None, granted.subject, request.client)
            limit = limiter.take_now(key, granted.tier, mono) or await limiter.take(key, granted.tier, mono)
            if observe is not None:
                observe("limit", limit)
            if limit.allowed:
                return Allowed(route, granted, limit.fields)
            refusal = Refusal(RATE_LIMITED, "Wait before the next request.", retry_after=limit.retry_after)
            return Refused(route, refusal, granted, limit.fields)
        except Broken as broken:
            if observe is not None:
                observe("broken", broken.refusal)
            return Refused(route, broken.refusal, _caller(granted))
        except Exception as error:  # noqa: BLE001  # whatever it is, it lets nobody in
            self._bug(error)
            return Refused(route, _BUG, _caller(granted))

    def _grant(
        self, found: Proof, route: Route, request: Request, observe: Observer | None
    ) -> Grant | Denied | Refusal:
        """Say what the caller that was `found` may do here."""
        granted: Grant | Denied | Refusal
        if isinstance(found, VerifiedToken):
            granted = self._authorize(found, route.policy)
        elif isinstance(found, Refusal):
            return found
        elif request.authorization:
            return _OTHER_SCHEME
        elif not route.anonymous:
            return _MISSING
        else:
            granted = ANONYMOUS
        if observe is not None:
            observe("authorize", granted.refusal if isinstance(granted, Denied) else granted)
        return granted

    def _authorize(self, token: VerifiedToken, policy: Policy) -> Grant | Denied | Refusal:
        """Return what `token` was granted under `policy`, now or when it was first used there."""
        grants = token.grants
        if grants is None:
            grants = token.grants = {}
        granted: Grant | Denied | Refusal | None = grants.get(policy)
        if granted is None:
            identity = self._identities[token.issuer].read(token.take_claims())
            if len(grants) >= _POLICIES_A_TOKEN:
                grants.clear()
            granted = grants[policy] = identity if isinstance(identity, Refusal) else grant(identity, policy)
        return granted


def _caller(granted: Grant | Denied | Refusal | None) -> Caller | None:
    """Whoever was proved before this became of the request."""
    return granted if isinstance(granted, Caller) else None


def _asked(
    request: Request, handshake: Handshake | BadHandshake, route: Route, observe: Observer | None
) -> Request | Refusal:
    """Return the wish for a WebSocket with the token in its cookie, or say why it goes no further.

    Where there are no WebSockets, neither the wish nor the cookie means anything.
    """
    if not route.websocket:
        return request
    taken = take_cookie(request, route.websocket_cookie)
    foul = judge_handshake(handshake, route.origins, by_cookie=taken is not request)
    asked = taken if foul is None else foul
    if observe is not None:
        observe("websocket", asked if isinstance(asked, Refusal) else handshake)
    return asked
