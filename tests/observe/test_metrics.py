from __future__ import annotations

import pytest

from ostiary.decision.reason import IDENTITY_PROVIDER_UNAVAILABLE, INVALID_TOKEN, MISSING_TOKEN, NO_ROUTE
from ostiary.observe import families
from ostiary.observe.metrics import NO_ROUTE as NO_ROUTE_LABEL
from ostiary.observe.metrics import Metrics


def test_requests_and_refusals_of_a_route() -> None:
    metrics = Metrics()
    route = metrics.route("orders")
    route.allowed[200 // 100] += 2
    route.allowed[404 // 100] += 1
    route.allowed[0] += 1
    for reason in (MISSING_TOKEN, INVALID_TOKEN, INVALID_TOKEN, IDENTITY_PROVIDER_UNAVAILABLE):
        route.refused(reason)
    metrics.no_route.refused(NO_ROUTE)
    values = metrics.snapshot().values
    assert values[families.REQUESTS.name] == {
        ("orders", "allowed", "0xx"): 1,
        ("orders", "allowed", "2xx"): 2,
        ("orders", "allowed", "4xx"): 1,
        ("orders", "refused", "4xx"): 3,
        ("orders", "error", "5xx"): 1,
        (NO_ROUTE_LABEL, "refused", "4xx"): 1,
    }
    assert values[families.REFUSALS.name] == {
        ("orders", "missing_token"): 1,
        ("orders", "invalid_token"): 2,
        ("orders", "identity_provider_unavailable"): 1,
        (NO_ROUTE_LABEL, "no_route"): 1,
    }


def test_ten_thousand_silent_routes_weigh_nothing_in_a_snapshot() -> None:
    metrics = Metrics()
    for number in range(10_000):
        metrics.route(f"r{number}")
    assert metrics.snapshot().values[families.REQUESTS.name] == {}


def test_upstreams_limits_and_issuers_have_their_labels() -> None:
    metrics = Metrics()
    upstream = metrics.upstream("api")
    upstream.connections.value += 2
    upstream.timeouts.value += 1
    upstream.responses[5] += 1
    metrics.limit("calls", "free").limited.value += 1
    metrics.issuer("main").stale.value = 1
    values = metrics.snapshot().values
    assert values[families.UPSTREAM_CONNECTIONS.name] == {("api",): 2}
    assert values[families.UPSTREAM_FAILURES.name]["api", "timeout"] == 1
    assert values[families.UPSTREAM_RESPONSES.name] == {("api", "5xx"): 1}
    assert values[families.LIMITER.name]["calls", "free", "limited"] == 1
    assert values[families.ISSUER_STALE.name] == {("main",): 1}


def test_the_same_child_is_found_again() -> None:
    metrics = Metrics()
    metrics.bugs("proxy").value += 1
    metrics.bugs("proxy").value += 1
    assert metrics.snapshot().values[families.BUGS.name] == {("proxy",): 2}
    assert metrics.upstream("api") is metrics.upstream("api")


def test_collectors_run_before_each_snapshot() -> None:
    metrics = Metrics()

    def collect() -> None:
        metrics.token_cache_hits.value = 42

    metrics.on_snapshot(collect)
    assert metrics.snapshot().values[families.TOKEN_CACHE.name]["hit",] == 42


def test_histograms_are_copied() -> None:
    metrics = Metrics()
    snapshot = metrics.snapshot()
    metrics.decision_seconds.observe(1e-9)
    assert sum(snapshot.distributions[families.DECISION_SECONDS.name].counts) == 0


def test_wrong_labels_and_kinds_are_refused() -> None:
    metrics = Metrics()
    with pytest.raises(ValueError, match="labels"):
        metrics.counter(families.BUGS)
    metrics.counter(families.BUGS, "x")
    with pytest.raises(TypeError, match="counter"):
        metrics.gauge(families.BUGS, "x")
