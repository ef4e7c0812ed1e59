from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.demo.token_endpoint import LIFETIME, Client, Denied, Grant, read_grant

CLIENTS = {"shop": Client("s3cret", ("a", "b"), {"tier": "free"})}
ALGORITHMS = ("RS256", "ES256")
GOOD = {"grant_type": "client_credentials", "client_id": "shop", "client_secret": "s3cret"}


def ask(form: dict[str, str], authorization: str | None = None) -> Grant:
    return read_grant(form.items(), authorization, CLIENTS, ALGORITHMS)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_a_good_request_gets_all_that_the_client_may_have() -> None:
    assert ask(GOOD) == Grant("shop", ("a", "b"), {"tier": "free"}, None, None, LIFETIME)


def test_scope_resource_algorithm_and_lifetime_can_be_chosen() -> None:
    grant = ask({**GOOD, "scope": "b b", "resource": "https://x", "alg": "ES256", "expires_in": "-120"})
    assert (grant.scopes, grant.audience, grant.alg, grant.lifetime) == (("b",), "https://x", "ES256", -120)


def test_the_client_may_authenticate_by_http_basic() -> None:
    assert ask({"grant_type": "client_credentials"}, basic("shop:s3cret")).client_id == "shop"


@pytest.mark.parametrize(
    "change, authorization, error, status",
    [
        ({"grant_type": ""}, None, "invalid_request", 400),
        ({"grant_type": "password"}, None, "unsupported_grant_type", 400),
        ({"scope": "a c"}, None, "invalid_scope", 400),
        ({"alg": "none"}, None, "invalid_request", 400),
        ({"expires_in": "soon"}, None, "invalid_request", 400),
        ({"expires_in": "99999999999"}, None, "invalid_request", 400),
        ({"client_secret": "wrong"}, None, "invalid_client", 401),
        ({"client_secret": ""}, None, "invalid_client", 401),
        ({"client_id": "nobody", "client_secret": ""}, None, "invalid_client", 401),
        ({"client_id": ""}, None, "invalid_client", 401),
        ({}, basic("shop:s3cret"), "invalid_request", 400),
        ({"client_secret": ""}, basic("shop"), "invalid_client", 401),
        ({"client_secret": ""}, basic("shop:wrong"), "invalid_client", 401),
        ({"client_secret": ""}, "Basic ***", "invalid_client", 401),
        ({"client_secret": ""}, "Bearer abc", "invalid_client", 401),
    ],
)
def test_errors_are_those_of_rfc_6749(
    change: dict[str, str], authorization: str | None, error: str, status: int
) -> None:
    with pytest.raises(Denied) as caught:
        ask({**GOOD, **change}, authorization)
    assert (caught.value.error, caught.value.status) == (error, status)


def test_a_repeated_parameter_is_refused() -> None:
    with pytest.raises(Denied, match="invalid_request"):
        read_grant([*GOOD.items(), ("scope", "a"), ("scope", "b")], None, CLIENTS, ALGORITHMS)


@given(st.dictionaries(st.sampled_from([*GOOD, "scope", "expires_in", "alg"]), st.text()), st.none() | st.text())
def test_whatever_comes_is_granted_or_denied(form: dict[str, str], authorization: str | None) -> None:
    try:
        grant = ask(form, authorization)
    except Denied:
        return
    assert set(grant.scopes) <= {"a", "b"}
