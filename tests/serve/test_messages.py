from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import pytest

from ostiary.config.model import Config
from ostiary.observe.snapshot import Snapshot
from ostiary.serve.messages import (
    Collected,
    FromWorker,
    IssuerHealth,
    Ready,
    Start,
    Status,
    ToWorker,
    dump_config,
    load_config,
)
from tests.support.documents import document

if TYPE_CHECKING:
    from tests.support.documents import Document


def configured(**sections: object) -> Document:
    return document("http://127.0.0.1:1") | sections


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"server": {"tls_terminated_by": ["10.0.0.0/8", "fd00::/8"], "drain": "1500ms", "listen": "[::1]:0"}},
        {"store": {"url": "valkey://:canary@127.0.0.1"}},
        {"limits": {"calls": {"tiers": {"free": {"rate": "1/min", "burst": 2}}}}},
    ],
)
def test_a_configuration_arrives_as_it_was(sections: dict[str, object]) -> None:
    config = Config.model_validate(configured(**sections), context={})
    sent = msgspec.msgpack.encode(Start(dump_config(config), 3))
    received = msgspec.msgpack.decode(sent, type=ToWorker)
    assert isinstance(received, Start)
    assert load_config(received.config) == config
    assert received.index == 3


def test_a_start_keeps_its_secrets_when_shown() -> None:
    """Case L1: whatever prints a message must not print the store's password."""
    config = Config.model_validate(configured(store={"url": "valkey://:canary@127.0.0.1"}))
    assert "canary" not in repr(Start(dump_config(config), 0))


@pytest.mark.parametrize(
    "message",
    [
        Ready(),
        Status(True, {"main": IssuerHealth(False, 0, math.inf, True, 3, "timed out")}, False),
        Collected(Snapshot({"ostiary_bugs_total": {("proxy",): 1}})),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_a_worker_says_arrives(message: FromWorker) -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(message), type=FromWorker) == message
