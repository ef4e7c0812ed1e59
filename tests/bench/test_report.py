from __future__ import annotations

from datetime import UTC, datetime

from bench.cases import AGAIN, BARS, CASES, judged
from bench.measure import Figures, Pace, differences, ratios
from bench.report import Results, Verdict, markdown, verdicts


def figures(*cpu_us: float) -> Figures:
    return Figures("x 1.0", list(cpu_us), [1000.0] * len(cpu_us))


def results() -> Results:
    machine = {"processor": "p", "processors": "2", "system": "Linux", "kernel": "6", "python": "3.11"}
    return Results(datetime(2026, 11, 23, tzinfo=UTC), machine, "abc", Pace(3, 0.1, 1.0))


def test_ratios_are_paired_within_the_round() -> None:
    assert ratios(figures(10, 40), figures(20, 80)) == [0.5, 0.5]
    assert differences(figures(10, 40), figures(9, 38)) == [1, 2]


def test_a_bar_is_judged_by_the_median_of_the_ratios() -> None:
    run = results()
    run.cases["seen-rs256"] = {"Ostiary": figures(20, 30, 40), "Envoy": figures(40, 60, 400)}
    verdict = verdicts(run)[0]
    assert verdict.measured == 0.5
    assert verdict.words == "bar held"


def test_every_bar_is_about_a_case_that_there_is() -> None:
    assert {bar.case for bar in BARS} <= {case.name for case in CASES}
    assert judged("log") == {"Ostiary", "Envoy", AGAIN}
    assert judged("up-100m") == {"Ostiary", "nginx, no authentication", AGAIN}
    assert judged("seen-eddsa") == set()


def test_what_is_counted_is_named() -> None:
    run = results()
    run.cases["ws-1k"] = {"Ostiary": figures(15, 18), "nginx, no authentication": figures(10, 12)}
    page = markdown(run)
    assert "| WebSocket messages of 1,000 octets, against nginx | ≤ 1.5 | 1 | 1.5 | 1.50-1.50 | bar held |" in page
    assert "| gateway | CPU µs/message | messages/s | Ostiary is |" in page


def test_words() -> None:
    assert Verdict("x", 2, 1, 1.0).words == "aim reached"
    assert Verdict("x", 2, 1, 2.1).words == "MISSED"
    assert Verdict("x", 2, 1, None).words == "not measured"


def test_memory_is_judged_by_itself() -> None:
    run = results()
    own, other = figures(20, 30), figures(10, 20)
    own.growth, other.growth = 40_000_000, 1_000_000
    run.cases["down-100m"] = {"Ostiary": own, "nginx, no authentication": other}
    (verdict,) = [verdict for verdict in verdicts(run) if "four responses of 100 MiB" in verdict.title]
    assert (verdict.measured, verdict.words) == (40.0, "MISSED")
    assert "| nginx, no authentication | 15.0 | 0 | +1.0 | 1,000 | 1.75 x |" in markdown(run)


def test_the_page_tells_of_arms_that_failed() -> None:
    run = results()
    failed = figures()
    failed.problem = "haproxy is not installed"
    run.cases["seen-rs256"] = {"Ostiary": figures(20, 30), "HAProxy": failed}
    page = markdown(run)
    assert "| HAProxy | haproxy is not installed |" in page
    assert "not measured" in page
