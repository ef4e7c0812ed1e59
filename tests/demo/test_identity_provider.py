from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import jwt
import pytest
from click.testing import CliRunner

from ostiary.demo import identity_provider
from ostiary.demo.identity_provider import ALGORITHMS, AUDIENCE, CLIENTS, IdentityProvider
from ostiary.demo.loopback import HOST, bind, port_of, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOW = 1_700_000_000


@pytest.fixture
async def issuer() -> AsyncIterator[str]:
    sock = bind(0)
    url = f"http://{HOST}:{port_of(sock)}"
    async with serving(IdentityProvider(url, clock=lambda: NOW + 0.9).application(), sock):
        yield url


async def fetch(url: str, form: dict[str, str] | None = None) -> tuple[int, Any, Any]:
    method = "GET" if form is None else "POST"
    async with aiohttp.ClientSession() as session, session.request(method, url, data=form) as answer:
        return answer.status, answer.headers, await answer.json()


def form(**more: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": "kiosk", "client_secret": "kiosk-secret", **more}


async def test_answers_end_their_line(issuer: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{issuer}/jwks") as answer:
        assert (await answer.read()).endswith(b"}\n")


@pytest.mark.parametrize("alg", ALGORITHMS)
async def test_a_token_found_by_discovery_verifies_with_the_published_keys(issuer: str, alg: str) -> None:
    _, _, metadata = await fetch(f"{issuer}/.well-known/openid-configuration")
    assert metadata["issuer"] == issuer
    status, headers, answer = await fetch(metadata["token_endpoint"], form(alg=alg))
    assert (status, headers["Cache-Control"], answer["token_type"]) == (200, "no-store", "Bearer")
    _, _, jwks = await fetch(metadata["jwks_uri"])
    token = answer["access_token"]
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"]) == (alg, "at+jwt")
    key = jwt.PyJWKSet.from_dict(jwks)[header["kid"]]
    claims = jwt.decode(
        token, key, algorithms=[alg], audience=AUDIENCE, options={"verify_exp": False, "verify_iat": False}
    )
    assert claims.pop("jti")
    assert claims == {
        "iss": issuer,
        "sub": "kiosk",
        "client_id": "kiosk",
        "aud": AUDIENCE,
        "iat": NOW,
        "exp": NOW + answer["expires_in"],
        "scope": "orders:read",
        **CLIENTS["kiosk"].claims,
    }


async def test_a_refused_request_is_answered_as_rfc_6749_says(issuer: str) -> None:
    status, headers, answer = await fetch(f"{issuer}/token", form(client_secret="wrong"))
    assert (status, answer["error"], headers["Cache-Control"]) == (401, "invalid_client", "no-store")
    assert headers["WWW-Authenticate"].startswith("Basic")
    status, headers, answer = await fetch(f"{issuer}/token", form(scope="admin"))
    assert (status, answer["error"], "WWW-Authenticate" in headers) == (400, "invalid_scope", False)


async def test_only_a_form_is_read(issuer: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{issuer}/token", json=form()) as answer:
        assert (answer.status, (await answer.json())["error"]) == (400, "invalid_request")


async def test_a_large_body_is_not_read(issuer: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{issuer}/token", data=form(x="y" * 20_000)) as answer:
        assert answer.status == 413


async def test_rotation_publishes_the_last_keys_too_and_withdrawal_does_not(issuer: str) -> None:
    def kids(jwks: dict[str, Any]) -> set[str]:
        return {key["kid"] for key in jwks["keys"]}

    _, _, first = await fetch(f"{issuer}/jwks")
    _, _, second = await fetch(f"{issuer}/rotate", {})
    assert kids(first) < kids(second)
    _, _, third = await fetch(f"{issuer}/rotate?withdraw", {})
    assert not kids(third) & kids(second)
    assert (await fetch(f"{issuer}/jwks"))[2] == third


def test_running_alone_says_loudly_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    served = []
    monkeypatch.setattr(identity_provider, "run_alone", lambda _app, sock: served.append(sock))
    result = CliRunner().invoke(identity_provider.main, ["--port", "0"])
    assert result.output.startswith("DEVELOPMENT ONLY")
    assert "client_id=kiosk client_secret=kiosk-secret" in result.output
    with served[0] as sock:
        assert sock.getsockname()[0] == "127.0.0.1"
        assert f"http://127.0.0.1:{port_of(sock)}/.well-known/openid-configuration" in result.output
