"""Fixtures for all tests: the real servers, one of each per test process and started when first wanted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import hypothesis
import pytest
import uvloop

from tests.support import nginx, oidc_provider, recording, valkey

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

_SLOW_TO_START: Final = frozenset({"nginx_upstream", "oidc"})

# Examples are drawn from a fixed seed where a failure must be repeatable by others, at random where it is sought.
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("developer", deadline=None)
hypothesis.settings.register_profile("fuzz", deadline=None, max_examples=20_000, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "developer")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as ``real`` whatever starts slow servers or whole processes: the developer's loop leaves it out."""
    for item in items:
        wanted = set(getattr(item, "fixturenames", ()))
        if wanted & _SLOW_TO_START or "tests/system" in item.path.as_posix():
            item.add_marker(pytest.mark.real)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run asynchronous tests on the loop that the gateway runs on: its transports differ from asyncio's own."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def oidc() -> Iterator[oidc_provider.OidcProvider]:
    """The identity provider. A test that rotates its keys starts one of its own: `oidc_provider.oidc_provider`."""
    with oidc_provider.oidc_provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def nginx_upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[nginx.NginxUpstream]:
    """A real upstream. A test that kills it starts one of its own."""
    with nginx.nginx_upstream(tmp_path_factory.mktemp("nginx")) as upstream:
        yield upstream


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[valkey.ValkeyServer]:
    """A real store, shared: a test uses keys of its own. One that kills or pauses it starts one of its own."""
    with valkey.valkey_server() as server:
        yield server


@pytest.fixture
async def upstream() -> AsyncIterator[recording.RecordingUpstream]:
    """An upstream that remembers what it was sent and answers what the test says."""
    async with recording.recording_upstream() as server:
        yield server
