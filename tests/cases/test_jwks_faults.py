"""The JWKS rows of ../shared/cases/faults.tsv, by their ids: a real server that does wrong, and a clock of our own."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from ostiary.config.model import Keys
from ostiary.decision.outcome import Broken, Refusal
from ostiary.decision.reason import IDENTITY_PROVIDER_UNAVAILABLE, UNKNOWN_SIGNING_KEY
from ostiary.jose.fetch import Fetcher
from ostiary.jose.loaders import UrlLoader
from ostiary.jose.refreshed import RefreshedKeys
from ostiary.jose.verify import TokenVerifier, VerifiedToken
from tests.support.issuers import WALL, issuer
from tests.support.key_server import Authority, drip, flood, hang, key_server, raw, reply
from tests.support.moments import Moments
from tests.support.tokens import AUDIENCE, ISSUER, SigningKey, jwks, key, new_key

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ostiary.decision.reason import Reason
    from ostiary.jose.source import KeyEvent, KeyStatus
    from tests.support.key_server import Answer, KeyServer

_OLD, _NEW = key("ES256"), new_key("ES256", "new")


def _token(signer: SigningKey) -> bytes:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": WALL + 300}
    return signer.compact({"alg": "ES256", "kid": signer.kid}, claims).encode()


class Gate:
    """A verifier and the keys of its only issuer, in a time of its own."""

    def __init__(self, url: str, timeout: str, tls: ssl.SSLContext | None) -> None:
        self.time = Moments()
        self.events: list[KeyEvent] = []
        one = issuer(keys=Keys.model_validate({"jwks_url": url, "timeout": timeout}))
        self.keys = RefreshedKeys(
            "one",
            one,
            UrlLoader(Fetcher(100_000, tls=tls), url),
            self.events.append,
            clock=self.time,
            call_later=self.time.call_later,
            chance=lambda: 0.0,
        )
        self._verifier = TokenVerifier({"one": one}, {"one": self.keys})

    async def outcome(self, signer: SigningKey = _OLD) -> Reason | None:
        """Return why a token of `signer` is refused, None if it is accepted. Raises Broken."""
        found = await self._verifier.verify(_token(signer), frozenset({"one"}), WALL, self.time.now)
        assert isinstance(found, VerifiedToken | Refusal)
        return found.reason if isinstance(found, Refusal) else None

    async def refresh(self) -> None:
        """Go to the next refresh and see it through."""
        self.time.fire_next()
        await self.settle()

    async def settle(self) -> None:
        while self.keys._fetch is not None:
            await asyncio.wait({self.keys._fetch})

    def status(self) -> KeyStatus:
        return self.keys.status(self.time.now)


@asynccontextmanager
async def gate_to(
    server: KeyServer, *, limit: str = "5s", tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Gate]:
    gate = Gate(server.url(host=host), limit, tls)
    await gate.keys.start()
    await gate.settle()
    try:
        yield gate
    finally:
        await gate.keys.close()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(reply(b"<html>Welcome</html>", Content_Type="text/html"), id="fj3-html"),
        pytest.param(reply(b'{"keys":['), id="fj3-bad-json"),
        pytest.param(reply({}), id="fj3-empty-object"),
        pytest.param(reply({"keys": {}}), id="fj3-no-array"),
        pytest.param(reply({"keys": []}), id="fj4-no-keys"),
        pytest.param(reply({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}), id="fj4-no-usable-keys"),
        pytest.param(reply(b"", 500), id="status-500"),
        pytest.param(reply(b"", 302, Location="/jwks"), id="redirect-loop"),
        pytest.param(reply(b" " * 10_000_000), id="10-mb"),
        pytest.param(flood, id="no-end"),
        pytest.param(raw(b""), id="dies"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"), id="dies-half-way"),
        pytest.param(raw(b"\0\0\0\0\r\n\r\n"), id="speaks-something-else"),
    ],
)
async def test_fj3_fj4_a_provider_that_answers_nonsense(fault: Answer) -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply(jwks(_OLD))
        async with gate_to(server) as gate:
            only = gate.keys._keys.keys
            server.answers["/jwks"] = fault
            await gate.refresh()
            assert gate.status().failures == 1
            assert gate.events[-1].kind == "refresh_failed"
            assert gate.keys._keys.keys == only
            assert await gate.outcome() is None
            server.answers["/jwks"] = reply(jwks(_OLD))
            await gate.refresh()
            assert gate.status().failures == 0
            assert gate.keys._keys.keys == only


async def test_fj5_one_bad_key() -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply({"keys": [{"kty": "EC", "kid": "bad"}, _OLD.jwk]})
        async with gate_to(server) as gate:
            assert await gate.outcome() is None
            assert gate.status().failures == 0


@pytest.mark.parametrize("fault", [hang, drip])
async def test_fj7_a_provider_that_takes_forever(fault: Answer) -> None:
    async with key_server() as server:
        server.answers["/jwks"] = fault
        begun = time.monotonic()
        async with asyncio.timeout(4), gate_to(server, limit="150ms") as gate:  # which is less than the default
            assert time.monotonic() - begun > 0.1
            assert "no complete answer" in gate.status().last_error


@pytest.mark.parametrize("fault", [hang, drip])
async def test_fj7_no_request_waits_for_it_whose_key_is_known(fault: Answer) -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply(jwks(_OLD))
        async with gate_to(server) as gate:
            server.answers["/jwks"] = fault
            gate.time.fire_next()
            for _ in range(100):
                with pytest.raises(StopIteration) as at_once:
                    gate.outcome().send(None)
                assert at_once.value.value is None
            assert gate.keys._fetch is not None


async def test_fj9_a_cold_start_with_the_provider_down() -> None:
    async with key_server() as server:
        url_answers = server.answers  # empty: 404
        async with gate_to(server) as gate:
            for _ in range(3):
                assert not gate.status().ready
                with pytest.raises(Broken) as caught:
                    await gate.outcome()
                assert caught.value.refusal.reason == IDENTITY_PROVIDER_UNAVAILABLE
                assert caught.value.refusal.retry_after >= 1
                await gate.refresh()
            url_answers["/jwks"] = reply(jwks(_OLD))
            await gate.refresh()
            assert gate.status().ready
            assert await gate.outcome() is None


async def test_fj9_nobody_listens() -> None:
    async with key_server() as server:
        pass
    async with gate_to(server) as gate:
        with pytest.raises(Broken):
            await gate.outcome()
        assert gate.status().last_error.endswith(" was refused")


async def test_fj10_rotation() -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply(jwks(_OLD))
        async with gate_to(server) as gate:
            server.answers["/jwks"] = reply(jwks(_OLD, _NEW))
            outcomes = await asyncio.gather(*(gate.outcome(signer) for signer in [_NEW, _OLD] * 50))
            assert outcomes == [None] * 100
            assert len(server.seen) == 2


async def test_fj11_a_key_is_withdrawn() -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply(jwks(_OLD, _NEW))
        async with gate_to(server) as gate:
            withdrawn_at = gate.time.now
            server.answers["/jwks"] = reply(jwks(_NEW))
            cached = await gate._verifier.verify(_token(_OLD), frozenset({"one"}), WALL, gate.time.now)
            assert isinstance(cached, VerifiedToken)
            assert gate.time.now < cached.key.usable_until
            await gate.refresh()
            assert gate.time.now - withdrawn_at <= 300
            assert gate.time.now >= cached.key.usable_until
            assert await gate.outcome(_OLD) == UNKNOWN_SIGNING_KEY
            assert await gate.outcome(_NEW) is None


async def test_fj12_the_stale_limit() -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply(jwks(_OLD))
        async with gate_to(server) as gate:
            loaded = gate.time.now
            cached = await gate._verifier.verify(_token(_OLD), frozenset({"one"}), WALL, gate.time.now)
            assert isinstance(cached, VerifiedToken)
            server.answers["/jwks"] = reply(b"", 503)
            await gate.refresh()
            gate.time.now = loaded + 3899
            assert await gate.outcome() is None
            assert gate.time.now < cached.key.usable_until
            gate.time.now = loaded + 3900
            assert gate.time.now >= cached.key.usable_until
            with pytest.raises(Broken):
                await gate.outcome()
            assert not gate.status().ready


async def test_fj13_flapping() -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply(jwks(_OLD))
        async with gate_to(server) as gate:
            begun = gate.time.now
            while gate.time.now < begun + 600:
                server.answers["/jwks"] = reply(b"", 500) if len(server.seen) % 2 else reply(jwks(_OLD))
                if gate.time.next_in <= 0:
                    await gate.refresh()
                else:
                    assert await gate.outcome(_NEW) == UNKNOWN_SIGNING_KEY
                assert await gate.outcome() is None
                gate.time.now += 1
            assert len(server.seen) / 10 < 5  # a minute


@pytest.mark.parametrize("fault", ["expired", "wrong host", "unknown authority", "plain"])
async def test_fj14_tls(fault: str, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path)
    good = authority.server(["localhost"])
    bad = {
        "expired": authority.server(["localhost"], days=-1),
        "wrong host": authority.server(["other.example"]),
        "unknown authority": other.server(["localhost"]),
        "plain": None,
    }[fault]
    async with key_server(good) as safe, key_server(bad) as unsafe:
        safe.answers["/jwks"] = unsafe.answers["/jwks"] = reply(jwks(_OLD))
        async with gate_to(safe, limit="2s", tls=authority.client(), host="localhost") as gate:
            gate.keys._loader = UrlLoader(
                Fetcher(100_000, tls=authority.client()), f"https://localhost:{unsafe.port}/jwks"
            )
            await gate.refresh()
            assert gate.status().failures == 1
            assert await gate.outcome() is None
            assert unsafe.seen == []  # neither over TLS that is not good, nor without
