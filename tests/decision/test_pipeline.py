"""The way of a request through the stages: what each finding leads to."""

from __future__ import annotations

import asyncio
from functools import partial
from math import inf
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from ostiary.authorize.scopes import AllScopes
from ostiary.config.model import Bucket, IdentityHeaders, Limit, Match, Tiers
from ostiary.decision.decision import Allowed, Refused
from ostiary.decision.outcome import NOT_MINE, Broken, NotMine, Refusal
from ostiary.decision.pipeline import Pipeline
from ostiary.decision.reason import IDENTITY_PROVIDER_UNAVAILABLE, TOKEN_EXPIRED
from ostiary.http.websocket import Handshake
from ostiary.jose.key import Key
from ostiary.jose.verify import VerifiedToken
from ostiary.limit.limiter import Limiter
from ostiary.limit.tiers import TierTable
from ostiary.propagate.headers import IdentityHeaderRenderer
from ostiary.routes.route import Policy, Route
from ostiary.routes.table import RouteTable
from ostiary.stores.memory import MemoryStore
from tests.support.callers import CLIENT, request
from tests.support.issuers import WALL, issuer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ostiary.decision.decision import Decision
    from ostiary.decision.stages import Authorizer
    from ostiary.http.request import Request

    Proof = VerifiedToken | NotMine | Refusal
    Says = Callable[[], Proof | Coroutine[None, None, Proof]]

SHOWN = ("Test shown",)
"""A credential, whatever the authenticator makes of it."""


class Authenticator:
    """Says what the test wants, and remembers which issuers it may believe."""

    def __init__(self, says: Says) -> None:
        self.says = says
        self.issuers: list[frozenset[str]] = []

    def authenticate(
        self, request: Request, issuers: frozenset[str], wall: float, mono: float
    ) -> Proof | Coroutine[None, None, Proof]:
        assert (request.client, wall, mono) == (CLIENT, WALL, 5.0)
        self.issuers.append(issuers)
        return self.says()


def token(**claims: object) -> VerifiedToken:
    payload = msgspec.json.encode({"sub": "alice", **claims})
    return VerifiedToken("corp", Key("k", "EC", {}, None), "alice", payload, -inf, inf, inf)


def route(name: str = "api", policy: Policy | None = None, *, anonymous: bool = False) -> Route:
    unused = cast("None", SimpleNamespace())
    policy = policy or Policy((), IdentityHeaderRenderer(IdentityHeaders()), None)
    return Route(name, frozenset({"corp"}), policy, unused, unused, anonymous=anonymous)  # type: ignore[arg-type]  # what is behind a route is not looked at here


def pipeline(*says: Proof | Says, to: Route | None = None, bugs: list[BaseException] | None = None) -> Pipeline:
    table = RouteTable([(Match(path="/api"), to or route())])
    authenticators = tuple(Authenticator(one if callable(one) else partial(_same, one)) for one in says)
    return Pipeline(table, authenticators, {"corp": issuer()}, (bugs if bugs is not None else []).append)


def _same(proof: Proof) -> Proof:
    return proof


def now(asked: Pipeline, target: str = "/api", authorization: tuple[str, ...] = SHOWN) -> Decision:
    """Return the decision, which must not wait for anything."""
    deciding = asked.decide(request(target, *authorization), WALL, 5.0)
    with pytest.raises(StopIteration) as ended:
        deciding.send(None)
    return cast("Decision", ended.value.value)


def code(decision: Decision) -> str:
    return decision.refusal.reason.code if isinstance(decision, Refused) else "allowed"


def test_without_a_route_nobody_is_asked() -> None:
    def never() -> Proof:
        raise AssertionError

    bugs: list[BaseException] = []
    decision = now(pipeline(never, bugs=bugs), "/other")
    assert isinstance(decision, Refused)
    assert (code(decision), decision.route, bugs) == ("no_route", None, [])


def test_a_proved_caller_passes_with_its_identity() -> None:
    way = route()
    decision = now(pipeline(token(), to=way))
    assert isinstance(decision, Allowed)
    assert decision.route is way
    assert decision.fields == b""
    assert b"X-User-Id: alice\r\n" in decision.grant.identity_fields


@pytest.mark.parametrize("anonymous", [False, True])
@pytest.mark.parametrize(
    "says, shown, expected",
    [
        pytest.param([NOT_MINE], (), ("missing_token", "allowed"), id="nothing shown"),
        pytest.param([], (), ("missing_token", "allowed"), id="nobody to ask"),
        pytest.param([NOT_MINE], SHOWN, ("invalid_token", "invalid_token"), id="a scheme of nobody"),
        pytest.param([NOT_MINE], ("",), ("invalid_token", "invalid_token"), id="an empty field"),
        pytest.param([Refusal(TOKEN_EXPIRED)], SHOWN, ("token_expired", "token_expired"), id="refused"),
        pytest.param([NOT_MINE, Refusal(TOKEN_EXPIRED)], SHOWN, ("token_expired", "token_expired"), id="by the second"),
        pytest.param([Refusal(TOKEN_EXPIRED), token()], SHOWN, ("token_expired", "token_expired"), id="and none after"),
        pytest.param([NOT_MINE, token()], SHOWN, ("allowed", "allowed"), id="proved by the second"),
    ],
)
def test_a_credential_that_is_not_good_never_becomes_anonymous(
    says: list[Proof], shown: tuple[str, ...], expected: tuple[str, str], *, anonymous: bool
) -> None:
    """Law 3."""
    decision = now(pipeline(*says, to=route(anonymous=anonymous)), authorization=shown)
    assert code(decision) == expected[anonymous]


def test_a_caller_with_a_token_is_held_to_the_rules_where_one_without_passes() -> None:
    policy = Policy((AllScopes(["read"]),), IdentityHeaderRenderer(IdentityHeaders()), None)
    asked = pipeline(token(), to=route(policy=policy, anonymous=True))
    assert code(now(asked)) == "insufficient_scope"


def named(decision: Decision) -> tuple[str, str] | None:
    assert isinstance(decision, Refused)
    return None if decision.caller is None else (decision.caller.issuer, decision.caller.subject)


def test_who_was_proved_and_may_not_pass_is_named() -> None:
    policy = Policy((AllScopes(["read"]),), IdentityHeaderRenderer(IdentityHeaders()), None)
    asked, known = pipeline(token(), to=route(policy=policy)), token()
    assert named(now(asked)) == ("corp", "alice")
    for _ in range(2):  # judged, and remembered
        assert named(now(pipeline(known, to=route(policy=policy)))) == ("corp", "alice")


@pytest.mark.parametrize("says", [NOT_MINE, Refusal(TOKEN_EXPIRED), token(email="a\r\nX-User-Id: root")])
def test_who_was_not_proved_is_not_named(says: Proof) -> None:
    assert named(now(pipeline(says))) is None


@pytest.mark.parametrize("error", [Broken(Refusal(IDENTITY_PROVIDER_UNAVAILABLE)), KeyError(1)])
def test_what_fails_after_a_caller_was_proved_still_names_it(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    way = limited()

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(Limiter, "take_now", fails)
    assert named(now(pipeline(token(), to=way))) == ("corp", "alice")


def test_only_the_routes_issuers_are_believed() -> None:
    authenticator = Authenticator(lambda: NOT_MINE)
    table = RouteTable([(Match(path="/api"), route())])
    now(Pipeline(table, (authenticator,), {}, lambda _: None))
    assert authenticator.issuers == [frozenset({"corp"})]


async def test_what_is_not_known_at_once_is_waited_for() -> None:
    release = asyncio.Event()

    async def later() -> Proof:
        await release.wait()
        return token()

    deciding = asyncio.ensure_future(pipeline(later).decide(request("/api", *SHOWN), WALL, 5.0))
    await asyncio.sleep(0)
    assert not deciding.done()
    release.set()
    assert isinstance(await deciding, Allowed)


@pytest.mark.parametrize("waited", [False, True])
def test_a_failed_dependency_is_the_refusal_that_it_carries(*, waited: bool) -> None:
    refusal = Refusal(IDENTITY_PROVIDER_UNAVAILABLE, retry_after=7)

    def broken() -> Proof:
        raise Broken(refusal)

    async def broken_later() -> Proof:
        raise Broken(refusal)

    bugs: list[BaseException] = []
    decision = now(pipeline(broken_later if waited else broken, bugs=bugs))
    assert isinstance(decision, Refused)
    assert decision.refusal is refusal
    assert bugs == []


@pytest.mark.parametrize("error", [ValueError("canary"), RecursionError(), KeyError(1), MemoryError()])
def test_an_unknown_exception_refuses_and_counts_as_a_bug(error: Exception) -> None:
    """Law 3."""

    def raises() -> Proof:
        raise error

    bugs: list[BaseException] = []
    way = route(anonymous=True)
    decision = now(pipeline(raises, to=way, bugs=bugs))
    assert isinstance(decision, Refused)
    assert (code(decision), decision.route, decision.refusal.detail) == ("internal_error", way, "")
    assert bugs == [error]


async def test_who_is_gone_is_not_refused_but_cancelled() -> None:
    async def never() -> Proof:
        await asyncio.Event().wait()
        raise AssertionError

    bugs: list[BaseException] = []
    deciding = asyncio.ensure_future(pipeline(never, bugs=bugs).decide(request("/api", *SHOWN), WALL, 5.0))
    await asyncio.sleep(0)
    deciding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deciding
    assert bugs == []


def test_claims_that_cannot_be_passed_on_are_refused() -> None:
    assert code(now(pipeline(token(email="a\r\nX-User-Id: root")))) == "invalid_claims"


class Counted:
    """Counts how often an identity is judged."""

    def __init__(self) -> None:
        self.times = 0

    def authorize(self, identity: object) -> None:
        assert identity is not None
        self.times += 1


def test_a_token_is_judged_once_under_each_policy() -> None:
    """Law 9; and what it was granted under one is worth nothing under another."""
    rules = [Counted() for _ in range(40)]
    proved = token()

    def ask(rule: Authorizer) -> None:
        assert isinstance(now(pipeline(proved, to=ways[cast("Counted", rule)])), Allowed)

    ways = {rule: route(policy=Policy((rule,), IdentityHeaderRenderer(IdentityHeaders()), None)) for rule in rules}
    for rule in rules:
        for _ in range(3):
            ask(rule)
    assert [rule.times for rule in rules] == [1] * 40
    assert proved.grants is not None
    assert len(proved.grants) <= 16  # many policies are no way to fill the memory


def limited(**options: object) -> Route:
    limit = Limit.model_validate({"tiers": {"free": Bucket(rate=0.001, burst=2)}, **options})
    limiter = Limiter("calls", limit, TierTable(Tiers()), MemoryStore())
    return route(policy=Policy((), IdentityHeaderRenderer(IdentityHeaders()), limiter), anonymous=True)


def test_over_the_limit_the_caller_is_told_when_to_come_back() -> None:
    way = limited()
    decisions = [now(pipeline(token(), to=way)) for _ in range(3)]
    assert [code(decision) for decision in decisions] == ["allowed", "allowed", "rate_limited"]
    last = decisions[-1]
    assert isinstance(last, Refused)
    assert last.refusal.retry_after == 1000
    assert last.caller is not None
    assert last.caller.subject == "alice"
    assert all(b"RateLimit" in decision.fields for decision in decisions)


def test_callers_have_buckets_of_their_own_and_the_anonymous_one_by_address() -> None:
    way = limited()
    for caller, shown in ((token(), SHOWN), (token(sub="bob"), SHOWN), (NOT_MINE, ())):
        codes = [code(now(pipeline(caller, to=way), authorization=shown)) for _ in range(3)]
        assert codes == ["allowed", "allowed", "rate_limited"]


def test_by_address_all_callers_share_one_bucket() -> None:
    way = limited(key="client_address")
    codes = [code(now(pipeline(token(sub=sub), to=way))) for sub in ("a", "b", "c")]
    assert codes == ["allowed", "allowed", "rate_limited"]


def test_who_is_refused_takes_nothing_from_a_bucket() -> None:
    way = limited()
    for _ in range(5):
        assert code(now(pipeline(Refusal(TOKEN_EXPIRED), to=way))) == "token_expired"
    assert code(now(pipeline(token(), to=way))) == "allowed"


@pytest.mark.parametrize(
    "asked, stages",
    [
        (pipeline(token(), to=limited()), ["route", "authenticate", "authorize", "limit"]),
        (pipeline(Refusal(TOKEN_EXPIRED)), ["route", "authenticate"]),
        (pipeline(NOT_MINE), ["route", "authenticate"]),
    ],
)
async def test_an_observer_hears_of_every_stage_in_order(asked: Pipeline, stages: list[str]) -> None:
    heard: list[str] = []
    await asked.decide(request("/api"), WALL, 5.0, lambda stage, _: heard.append(stage))
    assert heard == stages


PAGE = b"https://app.example.com"


class Looking(Authenticator):
    """Remembers what was shown to it."""

    def __init__(self) -> None:
        super().__init__(token)
        self.shown: list[tuple[bytes, ...]] = []

    def authenticate(
        self, request: Request, issuers: frozenset[str], wall: float, mono: float
    ) -> Proof | Coroutine[None, None, Proof]:
        self.shown.append(request.authorization)
        return super().authenticate(request, issuers, wall, mono)


def pages() -> Route:
    """A route for WebSockets whose token may be in a cookie called t."""
    plain = route()
    return Route(
        plain.name, plain.issuers, plain.policy, plain.upstream, plain.metrics,
        anonymous=False, websocket=True, origins=frozenset({PAGE}), websocket_cookie=b"t",
    )  # fmt: skip


@pytest.mark.parametrize(
    "origins,cookies,outcome,shown",
    [
        ((PAGE,), (b"a=b; t=x",), "allowed", [(b"Bearer x",)]),
        ((), (), "allowed", [()]),
        ((), (b"a=b",), "allowed", [()]),
        ((), (b"t=x",), "origin_mismatch", []),
        ((b"null",), (b"t=x",), "origin_mismatch", []),
        ((), (b"t=x; t=x",), "origin_mismatch", []),
        ((PAGE,), (b"t=x", b"t=x"), "ambiguous_credentials", []),
    ],
)
def test_a_cookie_is_shown_once_its_origin_is_known(
    origins: tuple[bytes, ...], cookies: tuple[bytes, ...], outcome: str, shown: list[tuple[bytes, ...]]
) -> None:
    looking, stages, bugs = Looking(), list[str](), list[BaseException]()
    asked = Pipeline(RouteTable([(Match(path="/api"), pages())]), (looking,), {"corp": issuer()}, bugs.append)
    wish = Handshake(b"k", (), (), (), b"", origins, cookies)
    shaken = msgspec.structs.replace(request("/api"), handshake=wish)
    deciding = asked.decide(shaken, WALL, 5.0, lambda stage, _: stages.append(stage))
    with pytest.raises(StopIteration) as ended:
        deciding.send(None)
    assert code(ended.value.value) == outcome
    assert looking.shown == shown
    assert stages[:2] == ["route", "websocket"]
    assert bugs == []
