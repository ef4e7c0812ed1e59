"""The clock rows of ../shared/cases/faults.tsv, by their ids: a whole gateway whose wall clock is stepped.

Law 7: the wall clock is for claims only. Whatever lasts is measured on the monotonic clock, which no step touches.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tests.support import http1
from tests.support.documents import document, issuer
from tests.support.gateway import running_gateway
from tests.support.key_server import KeyServer, key_server, reply
from tests.support.moments import Moments
from tests.support.recording import recording_upstream
from tests.support.tokens import jwks, key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.gateway import RunningGateway

NOW = 1_800_000_000
LIMITS: dict[str, Any] = {
    "limits": {"calls": {"tiers": {"free": {"rate": "1/min", "burst": 1}}}},
    "routes": [
        {"name": "free", "match": {"path": "/free"}, "upstream": "api"},
        {"name": "limited", "match": {"path": "/limited"}, "upstream": "api", "limit": "calls"},
    ],
}
TTL_AND_STALE = 300 + 3600


class World:
    """A gateway and its two clocks, with keys from a provider."""

    def __init__(self, running: RunningGateway, provider: KeyServer, wall: Moments, mono: Moments) -> None:
        self.running = running
        self.provider = provider
        self.wall = wall
        self.mono = mono

    async def ask(self, token: str, target: str = "/free") -> object:
        """Return the status, of a refusal the code."""
        answer = await http1.ask(self.running.port, "GET", target, token=token)
        return answer.status if answer.status == 200 else answer.json["error"]

    @property
    def verified(self) -> int:
        """How many tokens were not in the cache."""
        return self.running.gateway._cache.misses


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    wall, mono = Moments(NOW), Moments()
    async with key_server() as provider, recording_upstream() as upstream:
        provider.answers["/jwks"] = reply(jwks(key()))
        issuers = {"tests": issuer(key(), keys={"jwks_url": provider.url()})}
        configured = document(upstream.url) | LIMITS | {"issuers": issuers}
        async with running_gateway(configured, folder, wall=wall, monotonic=mono) as running:
            yield World(running, provider, wall, mono)


def token(**claims: object) -> str:
    return key().token(None, **{"iat": None, "exp": NOW + 120, **claims})


async def test_fc1_five_minutes_forward(tmp_path: Path) -> None:
    short, long, early = token(), token(exp=NOW + 600), token(nbf=NOW + 200, exp=NOW + 600)
    async with world(tmp_path) as one:
        assert [await one.ask(each) for each in (short, long, early)] == [200, 200, "token_not_active"]
        assert [await one.ask(long, "/limited") for _ in range(2)] == [200, "rate_limited"]
        before = one.verified
        one.wall.now += 300
        # Only what is past its time is refused, though it was remembered; the rest is remembered still.
        assert [await one.ask(each) for each in (short, long, early)] == ["token_expired", 200, 200]
        assert one.verified == before + 1  # `early`, seen as good for the first time
        # No bucket has filled, no key has aged, nobody was asked anything.
        assert await one.ask(long, "/limited") == "rate_limited"
        status = one.running.gateway.status().issuers["tests"]
        assert (status.ready, status.stale, status.age) == (True, False, 0.0)
        assert one.provider.seen == ["/jwks"]


async def test_a_remembered_token_dies_at_its_end_to_the_second(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        held = token(exp=NOW + 120)
        one.wall.now = NOW + 149.999  # the tolerance is 30 s
        assert [await one.ask(held) for _ in range(2)] == [200, 200]
        one.wall.now = NOW + 150
        assert await one.ask(held) == "token_expired"


async def test_fc2_an_hour_back(tmp_path: Path) -> None:
    not_before, issued, plain = token(nbf=NOW), token(iat=NOW), token()
    async with world(tmp_path) as one:
        for each in (not_before, issued, plain):
            assert await one.ask(each) == 200
        assert [await one.ask(plain, "/limited") for _ in range(2)] == [200, "rate_limited"]
        one.wall.now -= 3600
        # What was remembered is not good at a time at which nobody would take it for good.
        assert await one.ask(not_before) == "token_not_active"
        assert await one.ask(issued) == "invalid_claims"
        assert await one.ask(plain) == 200
        # The bucket fills as time passes.
        one.mono.now += 60
        assert await one.ask(plain, "/limited") == 200
        # The stale limit fires though by the wall clock it is an hour away, also for what is remembered.
        one.provider.answers.clear()
        one.mono.now = 1000.0 + TTL_AND_STALE - 1
        assert await one.ask(plain) == 200
        one.mono.now += 1
        assert await one.ask(plain) == "identity_provider_unavailable"
        assert not one.running.gateway.status().ready


async def test_fc2_no_token_outlives_its_end_because_the_clock_was_wrong_for_a_while(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        held = token()
        one.wall.now -= 3600
        assert await one.ask(held) == 200
        one.wall.now += 3600 + 150
        assert await one.ask(held) == "token_expired"
