from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

from ostiary.decision.reason import ALL, MISSING_TOKEN
from ostiary.observe import families
from ostiary.observe.exposition import render
from ostiary.observe.metrics import Metrics
from ostiary.observe.snapshot import Snapshot, merge

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def filled() -> Snapshot:
    metrics = Metrics()
    route = metrics.route("orders")
    route.allowed[2] += 7
    route.refused(MISSING_TOKEN)
    metrics.client_connections.value = 3
    for seconds in (1e-6, 3e-5, 100.0):
        metrics.decision_seconds.observe(seconds)
    return metrics.snapshot()


def samples(body: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text(body)
        for sample in family.samples
    }


def test_the_text_format_says_what_was_counted() -> None:
    body, content_type = render(merge((filled(), filled())), "")
    assert content_type.startswith("text/plain")
    found = samples(body.decode())
    allowed = frozenset({("route", "orders"), ("outcome", "allowed"), ("code", "2xx")})
    assert found["ostiary_requests_total", allowed] == 14
    assert found["ostiary_client_connections", frozenset()] == 6
    assert found["ostiary_decision_seconds_bucket", frozenset({("le", "5e-05")})] == 4
    assert found["ostiary_decision_seconds_bucket", frozenset({("le", "+Inf")})] == 6
    assert found["ostiary_decision_seconds_count", frozenset()] == 6


def test_openmetrics_if_asked() -> None:
    body, content_type = render(filled(), OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")
    names = {family.name for family in openmetrics(body.decode())}  # type: ignore[no-untyped-call]  # not annotated
    assert names >= {"ostiary_requests", "ostiary_decision_seconds"}


def test_nothing_counted_is_no_error() -> None:
    body, _ = render(Snapshot(), "")
    assert all(line.startswith("#") for line in body.decode().splitlines())


def test_every_family_is_rendered_under_its_name() -> None:
    body, _ = render(filled(), "")
    for family in families.ALL:
        if family.kind is not families.Kind.HISTOGRAM:
            assert f"# TYPE {family.name} " in body.decode()


def test_every_reason_can_be_a_label() -> None:
    metrics = Metrics()
    for reason in ALL:
        metrics.no_route.refused(reason)
    found = samples(render(metrics.snapshot(), "")[0].decode())
    assert sum(value for (name, _), value in found.items() if name == "ostiary_refusals_total") == len(ALL)
