"""The main job with real parts all round: a certified identity provider, the gateway, nginx as upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import msgspec
import pytest

from tests.support import http1
from tests.support.documents import document
from tests.support.gateway import running_gateway
from tests.support.oidc_provider import oidc_provider

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.documents import Document
    from tests.support.nginx import NginxUpstream
    from tests.support.oidc_provider import OidcProvider

Alg = Literal["RS256", "ES256", "EdDSA"]
AUDIENCE = "https://api.example"


def configuration(provider: OidcProvider, upstream: str) -> Document:
    issuer = {
        "issuer": provider.issuer,
        "audiences": [AUDIENCE],
        "algorithms": list(get_args(Alg)),
        "keys": {"discovery": True, "cooldown": 0.01},
    }
    return document(upstream, issuers={"provider": issuer})


@pytest.mark.parametrize("alg", get_args(Alg))
async def test_a_token_found_through_discovery_reaches_the_upstream_as_identity(
    oidc: OidcProvider, nginx_upstream: NginxUpstream, tmp_path: Path, alg: Alg
) -> None:
    token = oidc.token(alg, scope="read write", roles=["editor"])
    async with running_gateway(configuration(oidc, nginx_upstream.url), tmp_path) as gateway:
        answer = await http1.ask(gateway.port, "GET", "/orders?x=1", token=token, headers={"x_user_id": "root"})
    assert answer.status == 200
    told = msgspec.json.decode(answer.body)
    assert told["target"] == "/orders?x=1"
    headers = {name.lower(): value for name, value in told["headers"]}
    assert headers.items() >= {"x-user-id": "service", "x-user-roles": "editor", "x-token-scopes": "read write"}.items()
    assert not headers.keys() & {"authorization", "x_user_id"}


async def test_a_rotated_key_is_found_and_a_withdrawn_one_is_refused(
    nginx_upstream: NginxUpstream, tmp_path: Path
) -> None:
    with oidc_provider() as provider:
        async with running_gateway(configuration(provider, nginx_upstream.url), tmp_path) as gateway:
            before = provider.token()
            assert (await http1.ask(gateway.port, "GET", "/", token=before)).status == 200
            provider.rotate()
            assert (await http1.ask(gateway.port, "GET", "/", token=provider.token())).status == 200
            assert (await http1.ask(gateway.port, "GET", "/", token=before)).status == 200
            provider.rotate(retire=True)
            assert (await http1.ask(gateway.port, "GET", "/", token=provider.token("ES256"))).status == 200
            refused = await http1.ask(gateway.port, "GET", "/", token=before)
            assert (refused.status, refused.json["error"]) == (401, "unknown_signing_key")


async def test_the_provider_is_not_asked_again_for_keys_that_are_known(
    nginx_upstream: NginxUpstream, tmp_path: Path
) -> None:
    with oidc_provider() as provider:
        async with running_gateway(configuration(provider, nginx_upstream.url), tmp_path) as gateway:
            for _ in range(20):
                assert (await http1.ask(gateway.port, "GET", "/", token=provider.token("ES256"))).status == 200
        assert provider.requests("/jwks") == 1
