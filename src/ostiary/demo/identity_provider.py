"""A development identity provider: discovery, JWKS and token endpoints over keys made at start.

It speaks OpenID Connect Discovery 1.0 and RFC 8414 metadata, RFC 7517 key sets, the client credentials grant of RFC
6749 and access tokens of RFC 9068. `POST /rotate` signs with new keys from then on and still publishes the last ones;
`POST /rotate?withdraw` takes the last ones away at once. Run alone: ``python -m ostiary.demo.identity_provider``.
"""

from __future__ import annotations

import secrets
import sys
import time
from typing import TYPE_CHECKING, Final

import click
import msgspec
from aiohttp import web

from ostiary.demo.loopback import HOST, bind, port_of, run_alone
from ostiary.demo.signing import SigningKey
from ostiary.demo.token_endpoint import Client, Denied, Grant, read_grant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
"""What it signs with; the first is the default."""

AUDIENCE: Final = "https://orders.example"
"""The `aud` of its tokens unless `resource` (RFC 8707) asks for another."""

WARNING: Final = (
    "DEVELOPMENT ONLY: this identity provider trusts whoever has read its source. Never let it listen off loopback."
)

CLIENTS: Final = {
    "kiosk": Client("kiosk-secret", ("orders:read",), {"tier": "free", "tenant_id": "acme", "roles": ["viewer"]}),
    "back-office": Client(
        "back-office-secret",
        ("orders:read", "orders:write"),
        {"tier": "premium", "tenant_id": "acme", "roles": ["clerk", "auditor"], "email": "office@acme.example"},
    ),
}
"""The registered clients."""

_BODY_LIMIT: Final = 16 * 1024


class IdentityProvider:
    """One issuer, its keys and its clients. `clock` gives wall-clock seconds."""

    def __init__(
        self, issuer: str, clients: Mapping[str, Client] = CLIENTS, clock: Callable[[], float] = time.time
    ) -> None:
        self.issuer = issuer
        self._clients = clients
        self._clock = clock
        self._retired: tuple[SigningKey, ...] = ()
        self._keys = {alg: SigningKey.generate(alg) for alg in ALGORITHMS}

    def rotate(self, *, withdraw: bool = False) -> None:
        """Sign with new keys from now on; publish those before them too, unless they are to be withdrawn."""
        self._retired = () if withdraw else tuple(self._keys.values())
        self._keys = {alg: SigningKey.generate(alg) for alg in ALGORITHMS}

    def jwks(self) -> dict[str, object]:
        """Return the published keys (RFC 7517 section 5)."""
        return {"keys": [key.public() for key in (*self._keys.values(), *self._retired)]}

    def metadata(self) -> dict[str, object]:
        """Return the discovery document; there is no authorization endpoint, as no grant here uses one."""
        return {
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint": f"{self.issuer}/token",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": list(ALGORITHMS),
            "scopes_supported": sorted({scope for client in self._clients.values() for scope in client.scopes}),
        }

    def mint(self, grant: Grant) -> str:
        """Return an access token with the claims of RFC 9068 section 2.2; the client is its own subject."""
        now = int(self._clock())
        claims = {
            "iss": self.issuer,
            "sub": grant.client_id,
            "client_id": grant.client_id,
            "aud": grant.audience or AUDIENCE,
            "iat": now + min(grant.lifetime, 0),
            "exp": now + grant.lifetime,
            "jti": secrets.token_urlsafe(12),
            "scope": " ".join(grant.scopes),
            **grant.claims,
        }
        return self._keys[grant.alg or ALGORITHMS[0]].sign(claims)

    def application(self) -> web.Application:
        """Return the HTTP face of it all."""
        app = web.Application(client_max_size=_BODY_LIMIT)
        app.add_routes(
            [
                web.get("/.well-known/openid-configuration", self._metadata),
                web.get("/.well-known/oauth-authorization-server", self._metadata),
                web.get("/jwks", self._jwks),
                web.post("/token", self._token),
                web.post("/rotate", self._rotate),
            ]
        )
        return app

    async def _metadata(self, _request: web.Request) -> web.Response:
        return _json(self.metadata())

    async def _jwks(self, _request: web.Request) -> web.Response:
        return _json(self.jwks())

    async def _rotate(self, request: web.Request) -> web.Response:
        self.rotate(withdraw="withdraw" in request.query)
        return _json(self.jwks())

    async def _token(self, request: web.Request) -> web.Response:
        try:
            grant = await self._read(request)
        except Denied as denied:
            headers = {"WWW-Authenticate": 'Basic realm="token"'} if denied.status == 401 else {}
            refusal = {"error": denied.error, "error_description": denied.description}
            return _json(refusal, denied.status, headers)
        answer = {
            "access_token": self.mint(grant),
            "token_type": "Bearer",
            "expires_in": grant.lifetime,
            "scope": " ".join(grant.scopes),
        }
        return _json(answer)

    async def _read(self, request: web.Request) -> Grant:
        if request.content_type != "application/x-www-form-urlencoded":
            raise Denied("invalid_request", "the body must be application/x-www-form-urlencoded")
        form = [(name, str(value)) for name, value in (await request.post()).items()]
        return read_grant(form, request.headers.get("Authorization"), self._clients, ALGORITHMS)


def _json(answer: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    # RFC 6749 section 5.1 forbids caching of tokens; here nothing is worth caching.
    return web.Response(
        body=msgspec.json.encode(answer) + b"\n",
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


@click.command
@click.option("--port", default=9000, show_default=True, help="Port on 127.0.0.1; another is taken if it is in use.")
def main(port: int) -> None:
    """Run the development identity provider by itself until interrupted."""
    sock = bind(port)
    provider = IdentityProvider(f"http://{HOST}:{port_of(sock)}")
    sys.stderr.write(f"{WARNING}\n")
    for name, client in CLIENTS.items():
        sys.stderr.write(f"client_id={name} client_secret={client.secret} scope={' '.join(client.scopes)!r}\n")
    sys.stderr.write(f"{provider.issuer}/.well-known/openid-configuration\n")
    run_alone(provider.application(), sock)


if __name__ == "__main__":
    main()
