"""The real servers do what the tests rely on."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit
from urllib.request import urlopen

import joserfc.jwk
import joserfc.jwt
import msgspec
import pytest
import redis

from tests.support import http1, nginx, tokens
from tests.support.oidc_provider import oidc_provider
from tests.support.process import Child, ServerFailed

if TYPE_CHECKING:
    from tests.support.nginx import NginxUpstream
    from tests.support.oidc_provider import OidcProvider
    from tests.support.recording import Conversation, RecordingUpstream
    from tests.support.valkey import ValkeyServer


def fetch(url: str, body: bytes | None = None) -> bytes:
    with urlopen(url, body, timeout=10) as answer:  # noqa: S310 - the tests' own servers
        return bytes(answer.read())


def verified(token: str, keys: dict[str, object], alg: str) -> dict[str, object]:
    key_set = joserfc.jwk.KeySet.import_key_set(keys)  # type: ignore[arg-type]  # it wants its own TypedDict
    return joserfc.jwt.decode(token, key_set, algorithms=[alg]).claims


@pytest.mark.parametrize("alg", [*tokens.ASYMMETRIC, *tokens.SYMMETRIC])
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_tokens_are_what_another_library_accepts(alg: str) -> None:
    key = tokens.key(alg)
    assert verified(key.token(tier="free"), tokens.jwks(key), alg)["tier"] == "free"
    with pytest.raises(joserfc.errors.BadSignatureError):
        verified(tokens.tampered(key.token()), tokens.jwks(key), alg)


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_the_provider_signs_in_each_algorithm(oidc: OidcProvider, alg: Literal["RS256", "ES256", "EdDSA"]) -> None:
    token = oidc.token(alg, audience="https://other.example", scope="read write", tier="premium")
    claims = verified(token, msgspec.json.decode(fetch(oidc.jwks_url)), alg)
    expected = {"iss": oidc.issuer, "aud": "https://other.example", "scope": "read write", "tier": "premium"}
    assert claims.items() >= expected.items()


@pytest.mark.real
def test_the_provider_rotates_its_keys() -> None:
    with oidc_provider() as provider:
        first = provider.rotate()
        second = provider.rotate()
        assert set(first[:3]) == set(second[3:6])
        only = provider.rotate(retire=True)
        assert len(only) == 3
        published = msgspec.json.decode(fetch(provider.jwks_url))["keys"]
        assert [key["kid"] for key in published] == only
        assert provider.requests() == 1


@pytest.mark.real
async def test_a_token_that_was_asked_for_when_the_keys_changed_is_still_signed() -> None:
    with oidc_provider() as provider:
        body = provider.form("ES256", audience="https://api.example", scope="read")
        fields = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
        async with http1.connect(urlsplit(provider.issuer).port or 0) as client:
            await client.send(http1.request("POST", "/token", headers=fields))
            while not await asyncio.to_thread(provider.requests, "/token"):
                pass
            provider.rotate(retire=True)
            await client.send(body)
            assert (await client.answer()).status == 200


def test_nginx_echoes(nginx_upstream: NginxUpstream) -> None:
    body = b"x" * 3_000_000
    told = msgspec.json.decode(fetch(f"{nginx_upstream.url}/a%2Fb?c", body))
    assert (told["method"], told["target"]) == ("POST", "/a%2Fb?c")
    assert told["body"] == {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    assert ["Content-Length", "3000000"] in told["headers"]


def test_nginx_sends_bodies(nginx_upstream: NginxUpstream) -> None:
    assert fetch(f"{nginx_upstream.url}/static") == nginx.STATIC
    assert fetch(f"{nginx_upstream.url}/bytes?n=70000") == b"x" * 70_000
    assert fetch(f"{nginx_upstream.url}/chunked?n=100&piece=30") == b"x" * 100
    assert fetch(f"{nginx_upstream.url}/delay?ms=5") == b"late\n"


def test_valkey_serves_on_both_sockets(valkey_server: ValkeyServer) -> None:
    with redis.Redis(unix_socket_path=str(valkey_server.socket)) as one:
        one.set("support", "1")
    with redis.Redis(port=valkey_server.port) as other:
        assert other.get("support") == b"1"


async def test_the_recording_upstream_remembers_and_answers(upstream: RecordingUpstream) -> None:
    async def drop(conversation: Conversation) -> None:
        conversation.reset()

    upstream.answer(b"HTTP/1.1 204 No Content\r\n\r\n", drop)
    reader, writer = await asyncio.open_connection("127.0.0.1", upstream.port)
    chunks = b"3\r\nabc\r\n0\r\nT: 1\r\n\r\n"
    writer.write(b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 204 No Content\r\n\r\n"
    writer.write(b"GET /y HTTP/1.1\r\nHost: a\r\n\r\n")
    first, second = await upstream.arrived(2)
    assert (first.method, first.target, first.body, first.values("host")) == ("POST", "/x", chunks, ["a"])
    assert (second.target, second.connection) == ("/y", 0)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


def test_a_server_that_ends_is_told_with_its_output() -> None:
    with Child(["/bin/echo", "no such thing"]) as child, pytest.raises(ServerFailed, match="no such thing"):
        child.wait_for("ready")
