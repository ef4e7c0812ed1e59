from __future__ import annotations

from ostiary.config.model import WebSockets as Settings
from ostiary.observe.metrics import Metrics
from ostiary.proxy.websockets import WebSockets


def test_the_account() -> None:
    metrics = Metrics()
    account = WebSockets(Settings(connections=2), metrics)
    assert account.enter()
    assert account.enter()
    assert not account.enter()
    account.leave()
    account.opened()
    account.opened() if account.enter() else None
    assert not account.enter()
    account.closed("idle")
    assert account.enter()
    values = metrics.snapshot().values
    assert values["ostiary_websockets"] == {(): 1}
    assert values["ostiary_websockets_opened_total"] == {(): 2}
    assert values["ostiary_websockets_closed_total"] == {("idle",): 1}


def test_none_at_all() -> None:
    assert not WebSockets(Settings(connections=0), Metrics()).enter()
