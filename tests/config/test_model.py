from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretBytes, ValidationError

from ostiary.config.model import Config, Issuer, Keys, Match, Model, Route, Server, Store, Upstream
from ostiary.config.scalars import Endpoint


def config() -> Config:
    return Config(
        upstreams={"a": Upstream(targets=("http://a",))}, routes=(Route(name="a", match=Match(path="/"), upstream="a"),)
    )


def sections() -> list[type[Model]]:
    return Model.__subclasses__()


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_every_default_is_valid_as_it_is_written(section: type[Model]) -> None:
    """The form that the JSON Schema shows as the default can be written."""
    defaults = section.model_construct().model_dump(mode="json", warnings=False, exclude_none=True)
    wrong = []
    try:
        section.model_validate(defaults, context=object())
    except ValidationError as error:
        wrong = [detail for detail in error.errors() if detail["type"] != "missing"]
    assert wrong == []


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.__name__)
def test_sections_are_frozen_and_take_no_other_keys(section: type[Model]) -> None:
    assert section.model_config["frozen"]
    assert section.model_config["extra"] == "forbid"


def test_defaults_of_the_documented_table() -> None:
    keys = Keys()
    assert (keys.ttl, keys.timeout, keys.cooldown, keys.stale) == (300.0, 5.0, 30.0, 3600.0)
    issuer = Issuer(issuer="a", audiences=("x",), algorithms=("RS256",), keys=keys)
    assert (issuer.clock_tolerance, issuer.require_exp, issuer.require_sub) == (30.0, True, True)
    store = Store(url=SecretBytes(b"valkey://a"))
    assert (store.connect_timeout, store.command_timeout) == (0.5, 0.1)
    assert config().tiers.names == ("free", "premium", "enterprise")


def test_listeners_are_on_loopback_by_default() -> None:
    assert (config().server.listen, config().admin.listen) == (Endpoint("127.0.0.1", 8080), Endpoint("127.0.0.1", 9090))


@pytest.mark.parametrize("seconds", [-1.0, 60.1, float("nan"), float("inf")])
def test_clock_tolerance_is_bounded(seconds: float) -> None:
    with pytest.raises(ValidationError):
        Issuer(issuer="a", audiences=("x",), algorithms=("RS256",), keys=Keys(), clock_tolerance=seconds)


def test_validation_errors_hold_no_input() -> None:
    with pytest.raises(ValidationError) as caught:
        Server.model_validate({"listen": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_configuration_is_rebuilt_from_what_was_set() -> None:
    """As workers get it: native values, without the file."""
    original = Config.model_validate(
        {
            "server": {"listen": "[::1]:0", "timeouts": {"idle": "5m"}, "trusted_proxies": ["10.0.0.0/8"]},
            "upstreams": {"a": {"targets": ["http://a"]}},
            "routes": [{"name": "a", "match": {"path": "/"}, "upstream": "a"}],
            "store": {"url": "valkey://:hunter2@a"},
        },
        context=object(),
    )
    dumped: dict[str, Any] = original.model_dump(exclude_unset=True)
    assert Config.model_validate(dumped) == original
