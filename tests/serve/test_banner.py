from __future__ import annotations

import click
import pytest

from ostiary.config.model import Config
from ostiary.config.scalars import Endpoint
from ostiary.serve.banner import banner
from tests.support.documents import document

LIMITS = {"calls": {"tiers": {"free": {"rate": "1/s", "burst": 1}}}}


def told(workers: int = 2, **sections: object) -> str:
    config = Config.model_validate(document("http://127.0.0.1:1") | sections, context={})
    return click.unstyle(banner(config, workers, "1.2.3", Endpoint("127.0.0.1", 8080), Endpoint("::1", 9090)))


def test_it_says_what_runs_where() -> None:
    text = told()
    assert "Ostiary 1.2.3" in text
    assert "http://127.0.0.1:8080  (2 workers, " in text
    assert "http://[::1]:9090" in text
    assert "tests" in text


def test_it_says_that_tls_is_spoken() -> None:
    tls = {"certificates": [{"certificate": "a.pem", "key": "a.key"}]}
    assert "https://127.0.0.1:8080  (" in told(server={"tls": tls})


@pytest.mark.parametrize("workers, where", [(1, "memory"), (2, "an embedded Valkey")])
def test_it_says_where_limits_are_kept(workers: int, where: str) -> None:
    assert f"kept in {where}" in told(workers, limits=LIMITS)


@pytest.mark.parametrize(
    "url, shown",
    [
        ("valkeys://user:canary@store.example:6380/0", "valkeys://store.example:6380"),
        ("valkey://:canary@[::1]", "valkey://[::1]"),
        ("valkey+sentinel://:c@nary@h1:1,h2:2/main", "valkey+sentinel://h1:1,h2:2"),
        ("unix:///run/valkey.sock?password=canary", "unix:///run/valkey.sock"),
        ("valkey://h:1/0?password=canary", "valkey://h:1"),
        ("valkey+cluster://:canary@h1:1,[::1]:2", "valkey+cluster://h1:1,[::1]:2"),
    ],
)
def test_the_store_is_named_without_its_password(url: str, shown: str) -> None:
    """Case L1."""
    text = told(limits=LIMITS, store={"url": url})
    assert f"kept in {shown}\n" in text
    assert "nary" not in text


@pytest.mark.parametrize("guided", [True, False, None])
def test_it_hints_at_a_better_python_where_this_one_is_known_to_be_worse(*, guided: bool | None) -> None:
    config = Config.model_validate(document("http://127.0.0.1:1"))
    text = banner(config, 1, "1.2.3", Endpoint("127.0.0.1", 8080), Endpoint("::1", 9090), guided=guided)
    assert ("without profile-guided optimisation" in text) is (guided is False)


def test_logs_are_named() -> None:
    assert "access log on, to standard output" in " ".join(told().split())
    assert "access log off" in " ".join(told(observe={"access_log": {"mode": "off"}}).split())
