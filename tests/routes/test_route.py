from __future__ import annotations

import asyncio

from ostiary.config.model import IdentityHeaders, Upstream
from ostiary.observe.metrics import Metrics
from ostiary.propagate.headers import IdentityHeaderRenderer
from ostiary.propagate.pass_through import PassThrough
from ostiary.proxy.deadlines import Deadlines
from ostiary.proxy.pool import UpstreamPool
from ostiary.routes.route import Policy, Route
from tests.support.moments import Moments, unexpected


def test_policies_are_told_apart_by_identity() -> None:
    """What a token was granted is kept under its policy: two that look the same must not be taken for one another."""
    one, other = (Policy((), PassThrough(), None) for _ in range(2))
    assert one != other
    assert {one: "granted"}.get(other) is None


async def test_a_route_holds_all_that_deciding_and_forwarding_need() -> None:
    clock = Moments()
    metrics = Metrics()
    upstream = Upstream.model_validate({"targets": ["http://127.0.0.1:9"]})
    deadlines = Deadlines(asyncio.get_running_loop(), clock, unexpected)
    pool = UpstreamPool(upstream, deadlines, metrics.upstream("api"), clock)
    policy = Policy((), IdentityHeaderRenderer(IdentityHeaders()), None)
    route = Route("orders", frozenset({"corp"}), policy, pool, metrics.route("orders"), anonymous=True)
    assert (route.name, route.issuers, route.anonymous) == ("orders", frozenset({"corp"}), True)
    assert route.policy is policy
    assert route.upstream is pool
    assert route.metrics is metrics.route("orders")
    pool.close()
