from __future__ import annotations

from math import inf

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.authenticate.identity import Identity, IdentityReader, claim
from ostiary.config.model import Claims
from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import INVALID_CLAIMS
from tests.support.issuers import issuer
from tests.support.tokens import ISSUER

_NASTY = [
    "a\r\nX-Role: admin",
    "a\nb",
    "a\0",
    "\t",
    "a\x7f",
    "a\x85b",
    "a\u2028b",
    "a\u202eb",
    "\u200b",
    " a",
    "a ",
    "x" * 513,
]


def _read(where: Claims | None = None, /, **claims: object) -> Identity | Refusal:
    one = issuer(claims=where or Claims())
    return IdentityReader("one", one).read(msgspec.json.decode(msgspec.json.encode({"sub": "alice", **claims})))


def _identity(where: Claims | None = None, /, **claims: object) -> Identity:
    found = _read(where, **claims)
    assert isinstance(found, Identity), found
    return found


def _is_refused(where: Claims | None = None, /, **claims: object) -> bool:
    found = _read(where, **claims)
    return isinstance(found, Refusal) and found.reason == INVALID_CLAIMS


def test_everything_that_is_passed_on_is_read() -> None:
    claims: dict[str, object] = {
        "sub": "alice",
        "email": "alice@example.com",
        "roles": ["admin", "user", "admin"],
        "scope": "read write read",
        "tenant_id": "t1",
        "org_id": 17,
        "plan": "pro",
        "tier": "premium",
        "exp": 1_900_000_000,
    }
    assert _identity(**claims) == Identity(
        issuer_name="one",
        issuer=ISSUER,
        subject="alice",
        email="alice@example.com",
        roles=("admin", "user"),
        scopes=frozenset({"read", "write"}),
        scopes_in_order=("read", "write"),
        tenant="t1",
        organisation="17",
        plan="pro",
        tier_claim="premium",
        expires=1_900_000_000,
        claims=claims,
    )


@pytest.mark.parametrize(
    "absent", [{}, dict.fromkeys(["email", "roles", "scope", "tenant_id", "org_id", "plan", "tier"])]
)
def test_what_is_absent_or_null_is_not_there(absent: dict[str, object]) -> None:
    found = _identity(**absent)
    assert (found.email, found.tenant, found.organisation, found.plan, found.tier_claim) == (None,) * 5
    assert (found.roles, found.scopes, found.expires) == ((), frozenset(), inf)


@pytest.mark.parametrize("name", ["sub", "email", "tenant_id", "org_id", "plan", "roles"])
@pytest.mark.parametrize("value", [*_NASTY, True, 1.5, {}, {"a": 1}, [[]], [1], ["ok", None]])
def test_what_cannot_be_passed_on_makes_the_token_unacceptable(name: str, value: object) -> None:
    assert _is_refused(**{name: value})
    if name == "roles":
        assert _is_refused(roles=["ok", value])


@pytest.mark.parametrize("name", ["email", "tenant_id", "plan"])
@pytest.mark.parametrize("value", ["Zoë", "李雷", "a b", "cn=a,ou=b", "100%", 'it\'s "quoted"'])
def test_printable_text_of_any_script_is_kept(name: str, value: str) -> None:
    found = _identity(**{name: value})
    assert value in (found.email, found.tenant, found.plan)


@pytest.mark.parametrize(
    "claims, scopes",
    [
        ({"scope": ""}, ()),
        ({"scope": "  a  b "}, ("a", "b")),
        ({"scope": "https://www.example.com/auth/read"}, ("https://www.example.com/auth/read",)),
        ({"scopes": ["a", "b"]}, ("a", "b")),
        ({"scp": ["a"]}, ("a",)),
        ({"scp": "a b"}, ("a", "b")),
        ({"scope": "a", "scp": ["b"]}, ("a",)),
        ({"scope": None, "scp": ["b"]}, ("b",)),
        ({"scope": [], "scp": ["b"]}, ()),
    ],
)
def test_the_first_scope_claim_that_is_there_counts(claims: dict[str, object], scopes: tuple[str, ...]) -> None:
    found = _identity(**claims)
    assert found.scopes_in_order == scopes
    assert found.scopes == set(scopes)


@pytest.mark.parametrize(
    "value", ["a\tb", "a\nb", 'a"b', "a\\b", "é", ["a b"], [""], ["a", 1], [None], 1, True, {}, {"a": 1}, ["a"] * 257]
)
def test_scopes_are_what_scopes_can_be(value: object) -> None:
    assert _is_refused(scope=value)


def test_a_single_role_may_stand_alone() -> None:
    assert _identity(roles="site admin").roles == ("site admin",)


def test_roles_are_gathered_from_all_their_places() -> None:
    where = Claims(roles=("roles", "realm_access.roles", "https://example.com/roles", "missing.roles"))
    found = _identity(where, roles=["a"], realm_access={"roles": ["b", "a"]}, **{"https://example.com/roles": "c"})
    assert found.roles == ("a", "b", "c")
    assert _is_refused(where, roles=[str(number) for number in range(257)])
    assert _is_refused(
        where, roles=[str(n) for n in range(200)], realm_access={"roles": [str(n) for n in range(200, 257)]}
    )


def test_no_role_is_dropped_behind_duplicates() -> None:
    assert _identity(roles=["a"] * 255 + ["b"]).roles == ("a", "b")
    assert _is_refused(roles=["a"] * 256 + ["b"])


@pytest.mark.parametrize("tier", [5, True, ["premium"], {"premium": 1}])
def test_a_strange_tier_is_no_tier(tier: object) -> None:
    assert _identity(tier=tier).tier_claim is None


def test_a_claim_of_that_very_name_comes_before_a_path() -> None:
    assert claim({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert claim({"a": {"b": {"c": 2}}}, "a.b.c") == 2
    assert claim({"a": [{"b": 2}]}, "a.b") is None
    assert claim({"a": "b"}, "a.b") is None
    assert claim({}, "a") is None


def test_a_refusal_names_the_claim_and_not_its_value() -> None:
    found = _read(email="canary\n")
    assert found == Refusal(INVALID_CLAIMS, "The token's email is not of an acceptable form.")


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["sub", "email", "roles", "scope", "scp", "tenant_id", "plan", "tier"]), _json))
def test_whatever_is_claimed_what_is_passed_on_is_printable(claims: dict[str, object]) -> None:
    found = _read(**claims)
    if isinstance(found, Identity):
        texts = (found.subject, found.email, found.tenant, found.plan, *found.roles, *found.scopes)
        assert all(text.isprintable() and text == text.strip() for text in texts if text is not None)


@pytest.mark.parametrize("number", [2**64 + 1, -(10**400)])
def test_a_number_that_no_tenant_has_is_refused(number: int) -> None:
    """As text it would be longer than any text that is passed on."""
    one = issuer(claims=Claims())
    found = IdentityReader("one", one).read({"sub": "s", "tenant_id": number})
    assert isinstance(found, Refusal)
    assert found.reason == INVALID_CLAIMS
