"""The main job with nothing pretended: `ostiary serve` between a certified identity provider and nginx, and faults."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError

import msgspec
import pytest

from ostiary.demo.loopback import bind, port_of
from tests.support import http1
from tests.support.documents import document
from tests.support.oidc_provider import OidcProvider, oidc_provider
from tests.support.serving import Served, serving
from tests.support.tokens import key
from tests.system.test_serve import children, readable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.documents import Document
    from tests.support.nginx import NginxUpstream

CONNECTIONS: Final = 24


def configuration(provider: OidcProvider, upstream: str, patience: str = "5s") -> Document:
    """What a user would write, with every default: only the patience with the provider may be shorter."""
    issuer = {
        "issuer": provider.issuer,
        "audiences": ["https://api.example"],
        "algorithms": ["RS256", "ES256", "EdDSA"],
        "keys": {"discovery": True, "timeout": patience},
    }
    return document(upstream, server={"workers": 2}, issuers={"provider": issuer})


def readiness(gateway: Served) -> tuple[int, dict[str, object]]:
    """Return the status of ``/health/ready`` and what it tells of the issuer."""
    try:
        status, body = 200, gateway.admin("/health/ready")
    except HTTPError as error:
        status, body = error.code, error.read()
    told = msgspec.json.decode(body)
    return status, told["issuers"].get("provider", {})


async def test_keys_are_rotated_under_traffic_and_nobody_notices(nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    """Case FJ10: each token is of the key that signs at the moment, and asked for on a connection of its own."""
    with oidc_provider() as provider, serving(configuration(provider, nginx_upstream.url), tmp_path) as gateway:
        gateway.until_ready()
        held = [provider.token(alg) for alg in ("RS256", "ES256", "EdDSA")]
        kids: list[list[str]] = []
        statuses: list[int] = []
        warm = asyncio.Event()

        async def traffic() -> None:
            """Go on until a while after the rotation."""
            left = 15
            while left:
                left -= bool(kids)
                fresh = await asyncio.to_thread(provider.token, "ES256")
                for token in (fresh, held[left % 3]):
                    answer = await http1.ask(gateway.port, "GET", "/", token=token)
                    statuses.append(answer.status)
                if len(statuses) >= 40:
                    warm.set()

        async def rotation() -> None:
            await warm.wait()
            kids.append(await asyncio.to_thread(provider.rotate))

        await asyncio.gather(rotation(), *(traffic() for _ in range(4)))
        metrics = gateway.metrics()
        asked = provider.requests("/jwks")
    assert set(statuses) == {200}
    assert len(kids[0]) == 6
    assert metrics['ostiary_issuer_keys{issuer="provider"}'] == 6
    assert asked == 4  # each of the two workers at its start, and when it saw the new key


@pytest.mark.parametrize("fault", ["dead", "hung"])
async def test_a_cold_start_without_the_provider_heals_by_itself(
    nginx_upstream: NginxUpstream, tmp_path: Path, fault: str
) -> None:
    """Case FJ9."""
    async with AsyncExitStack() as later:
        with bind() as free:  # a port that no outgoing connection gets while the provider is away
            port = port_of(free)
        provider = later.enter_context(oidc_provider(port))
        token = provider.token()
        provider.child.signal(signal.SIGKILL if fault == "dead" else signal.SIGSTOP)
        gateway = later.enter_context(serving(configuration(provider, nginx_upstream.url, "500ms"), tmp_path))
        await until(lambda: readiness(gateway)[1].get("failures", 0) != 0)
        status, issuer = readiness(gateway)
        assert (status, issuer["ready"], issuer["keys"]) == (503, False, 0)
        assert msgspec.json.decode(gateway.admin("/health/live"))["live"] is True
        for shown in (token, key().token(None, iss=provider.issuer)):
            answer = await http1.ask(gateway.port, "GET", "/", token=shown)
            assert (answer.status, answer.json["error"]) == (503, "identity_provider_unavailable")
            assert 1 <= int(answer.value("retry-after") or 0) <= 60
        assert (await http1.ask(gateway.port, "GET", "/")).status == 401  # which needs no key

        if fault == "dead":
            provider = later.enter_context(oidc_provider(port))
            token = provider.token()
        else:
            provider.child.signal(signal.SIGCONT)
        await until(lambda: readiness(gateway)[0] == 200)
        await until(lambda: readiness(gateway)[1]["keys"] == 3)  # in the other worker, too
        answer = await http1.ask(gateway.port, "GET", "/", token=token)
        assert (answer.status, msgspec.json.decode(answer.body)["method"]) == (200, "GET")


async def test_a_worker_that_is_killed_takes_only_its_own_connections_with_it(
    nginx_upstream: NginxUpstream, tmp_path: Path
) -> None:
    """Case FP1."""
    token = key().token()
    async with AsyncExitStack() as later:
        gateway = later.enter_context(serving(document(nginx_upstream.url, server={"workers": 2}), tmp_path))
        clients = [await later.enter_async_context(http1.connect(gateway.port)) for _ in range(CONNECTIONS)]
        for client in clients:
            assert (await client.ask("GET", "/", token=token)).status == 200
        victim, survivor = children(gateway.child.pid)
        lost = peers(victim)
        assert len(lost | peers(survivor)) >= CONNECTIONS
        ending = os.pidfd_open(victim)
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        await readable(ending)
        os.close(ending)
        for client in clients:
            port = client.writer.get_extra_info("sockname")[1]
            if port in lost:
                assert await client.ended()
            else:
                assert (await client.ask("GET", "/", token=token)).status == 200
        served = 0
        while gateway.metrics().get("ostiary_worker_restarts_total") != 1 or len(children(gateway.child.pid)) < 2:
            assert (await http1.ask(gateway.port, "GET", "/", token=token)).status == 200
            served += 1
        await until(lambda: gateway.metrics()['ostiary_workers{state="ready"}'] == 2)
        assert served > 0
        assert time.monotonic() - began < 8  # two seconds where nothing else runs
        answers = await asyncio.gather(*(http1.ask(gateway.port, "GET", "/", token=token) for _ in range(CONNECTIONS)))
        assert {answer.status for answer in answers} == {200}


def peers(pid: int) -> set[int]:
    """Return the ports at the other ends of the connections that a process holds, as Linux tells them."""
    links = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:[")}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {int(row[2].rpartition(":")[2], 16) for row in rows if row[9] in inodes} - {0}


async def until(holds: Callable[[], bool]) -> None:
    """Return once `holds` does: of another process, there is no event to wait for."""
    async with asyncio.timeout(25):
        while not await asyncio.to_thread(holds):  # noqa: ASYNC110  # as it says above
            await asyncio.sleep(0.05)
