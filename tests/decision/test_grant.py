from __future__ import annotations

import pytest

from ostiary.authorize.roles import AnyRole
from ostiary.authorize.scopes import AllScopes
from ostiary.config.model import Bucket, IdentityHeaders, Limit, Tiers
from ostiary.decision.grant import ANONYMOUS, Caller, Denied, Grant, grant
from ostiary.decision.reason import ACCESS_DENIED, INSUFFICIENT_SCOPE
from ostiary.limit.limiter import Limiter
from ostiary.limit.tiers import TierTable
from ostiary.propagate.headers import IdentityHeaderRenderer
from ostiary.propagate.pass_through import PassThrough
from ostiary.routes.route import Policy
from ostiary.stores.memory import MemoryStore
from tests.support.callers import identity

HEADERS = IdentityHeaderRenderer(IdentityHeaders())


def limiter(**options: object) -> Limiter:
    limit = Limit.model_validate({"tiers": {"free": Bucket(rate=1.0, burst=1)}, **options})
    return Limiter("calls", limit, TierTable(Tiers()), MemoryStore())


def granted(policy: Policy, **claims: object) -> Grant:
    found = grant(identity(**claims), policy)
    assert isinstance(found, Grant)
    return found


def test_everything_that_requests_need_is_prepared() -> None:
    limit = limiter()
    found = granted(Policy((AllScopes(["read"]),), HEADERS, limit), scope="read", tier="premium")
    assert found.identity_fields.startswith(b"X-User-Id: alice\r\n")
    assert not found.keeps_authorization
    assert found.limit_key == limit.key_for("tests", "alice", "")
    assert (found.tier, found.issuer, found.subject) == ("premium", "tests", "alice")


def test_passing_through_keeps_the_token_and_adds_nothing() -> None:
    found = granted(Policy((), PassThrough(), None))
    assert (found.keeps_authorization, found.identity_fields) == (True, b"")


def test_the_first_condition_that_is_not_met_refuses() -> None:
    policy = Policy((AllScopes(["read"]), AnyRole(["admin"])), HEADERS, None)
    for claims, reason in (({}, INSUFFICIENT_SCOPE), ({"scope": "read"}, ACCESS_DENIED)):
        denied = grant(identity(**claims), policy)
        assert isinstance(denied, Denied)
        assert denied.refusal.reason == reason


def test_who_is_denied_is_named_all_the_same() -> None:
    denied = grant(identity(tier="premium"), Policy((AllScopes(["read"]),), HEADERS, limiter()))
    assert isinstance(denied, Caller)
    assert (denied.issuer, denied.subject, denied.tier) == ("tests", "alice", "premium")


@pytest.mark.parametrize("claim", [None, "unlimited", "anonymous", 7])
def test_an_unknown_tier_is_the_lowest_authenticated_one(claim: object) -> None:
    """Case R5."""
    assert granted(Policy((), HEADERS, limiter()), tier=claim).tier == "free"


@pytest.mark.parametrize("options, claims", [({"key": "client_address"}, {}), ({}, {"sub": None})])
def test_a_bucket_that_depends_on_the_address_has_no_key_yet(
    options: dict[str, object], claims: dict[str, object]
) -> None:
    assert granted(Policy((), HEADERS, limiter(**options)), **claims).limit_key == ""


def test_without_a_limit_there_is_neither_key_nor_tier() -> None:
    found = granted(Policy((), HEADERS, None), tier="premium")
    assert (found.limit_key, found.tier) == ("", "")


def test_the_anonymous_are_given_nothing() -> None:
    assert Grant("", "", "anonymous", b"", False, "") == ANONYMOUS
