"""No error hides another: whatever two independent things are wrong with a configuration, both are told at once."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ostiary.config.problem import dotted
from tests.support.configuration import told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ostiary.config.problem import Path

EXAMPLES: Final = File(__file__).parents[2] / "examples"
ENVIRON: Final = {"SCHEDULER_SECRET": "2f1c8e0b97a64d35b1e07c5a9d8f3460"}
SECURE: Final = {"targets": ["https://a.internal", "https://b.internal"], "tls": {"server_name": "internal"}}
PUBLIC: Final = {"name": "public", "match": {"path": "/public"}, "upstream": "secure", "anonymous": True}
REMOVED: Final = object()


class Fault(NamedTuple):
    """A value to put at a path, where that is told (there, unless it is said), and what else it is concluded from."""

    at: str
    put: Any
    told: str = ""
    needs: tuple[str, ...] = ()


ROUTE: Final = "routes.0"
ORDERS: Final = "upstreams.orders"
OWN: Final = "upstreams.secure.tls.client_certificate"
BETWEEN: Final = (
    Fault("server.listen", "0.0.0.0:8080", needs=("server.tls", "server.tls_terminated_by")),
    Fault("admin.listen", "192.0.2.1:9090", needs=("admin.allow_remote",)),
    Fault("admin.listen", "127.0.0.1:8080", needs=("server.listen",)),
    Fault("server.tls_terminated_by", ["0.0.0.0/0"], "server.tls_terminated_by.0"),
    Fault("server.trusted_proxies", ["0.0.0.0/0"], "server.trusted_proxies.0"),
    Fault("server.proxy_protocol.peers", ["::/0"], "server.proxy_protocol.peers.0"),
    Fault("issuers.partner.issuer", "https://login.example.com", needs=("issuers.main.issuer",)),
    Fault("issuers.main.audiences", ["*"]),
    Fault("issuers.partner.keys.jwks_url", REMOVED, "issuers.partner.keys"),
    Fault("issuers.main.keys.file", "keys.json", "issuers.main.keys", ("issuers.main.keys.discovery",)),
    Fault("issuers.main.issuer", "login", needs=("issuers.main.keys.discovery",)),
    Fault(
        "issuers.main.issuer",
        "http://login.example.com",
        needs=("issuers.main.keys.discovery", "issuers.main.keys.allow_insecure_http"),
    ),
    Fault("issuers.partner.keys.jwks_url", "http://a.example", needs=("issuers.partner.keys.allow_insecure_http",)),
    Fault("issuers.main.algorithms", ["RS256", "HS256"]),
    Fault("issuers.main.algorithms", ["RS256", "RS256"]),
    Fault("issuers.appliance.algorithms", ["HS256"], needs=("issuers.appliance.keys.secret",)),
    Fault("issuers.scheduler.algorithms", ["RS256"], needs=("issuers.scheduler.keys.secret",)),
    Fault("issuers.scheduler.keys.secret", "short"),
    Fault("issuers.scheduler.keys.secret", "secret" * 10),
    Fault("issuers.appliance.keys.file", "none.json", needs=("issuers.appliance.algorithms",)),
    Fault("issuers.appliance.keys.file", "reference.yaml", needs=("issuers.appliance.algorithms",)),
    Fault("issuers.archive.keys.inline", {"keys": 1}),
    Fault("issuers.archive.keys.inline", {"keys": []}, needs=("issuers.archive.algorithms",)),
    Fault(f"{ORDERS}.targets.1", "http://10.0.1.10:8000", needs=(f"{ORDERS}.targets.0",)),
    Fault(f"{ORDERS}.targets.1", "http://127.0.0.1:8080", needs=("server.listen",)),
    Fault(f"{ORDERS}.targets.1", "http://127.0.0.1:9090", needs=("admin.listen",)),
    Fault(f"{ORDERS}.tls", {}, needs=(f"{ORDERS}.targets",)),
    Fault("upstreams.secure.targets.1", "http://b.internal", needs=("upstreams.secure.targets.0",)),
    Fault("upstreams.secure.tls.ca", "none.pem"),
    Fault(OWN, {"certificate": "none", "key": "none"}, f"{OWN}.certificate"),
    Fault(OWN, {"certificate": "none", "key": "none"}, f"{OWN}.key"),
    Fault(f"{ROUTE}.upstream", "oders", needs=("upstreams.oders",)),
    Fault(f"{ROUTE}.limit", "oders", needs=("limits.oders",)),
    Fault(f"{ROUTE}.issuers.1", "nobody", needs=("issuers.nobody",)),
    Fault(f"{ROUTE}.anonymous", True),
    Fault(f"{ROUTE}.websocket", False, f"{ROUTE}.origins"),
    Fault(f"{ROUTE}.websocket", False, f"{ROUTE}.websocket_cookie"),
    Fault(f"{ROUTE}.origins", REMOVED, f"{ROUTE}.websocket_cookie", (f"{ROUTE}.websocket",)),
    Fault("limits.orders.key", "client_address", f"{ROUTE}.limit", (f"{ROUTE}.issuers",)),
    Fault(f"{ROUTE}.match.path", "/a//b"),
    Fault(f"{ROUTE}.match.hosts.0", "a:80"),
    Fault(f"{ROUTE}.match.hosts.1", "api.example.com", needs=(f"{ROUTE}.match.hosts.0",)),
    Fault(f"{ROUTE}.match.methods", ["GET", "GET"]),
    Fault(f"{ROUTE}.require.claims.0.one_of", REMOVED, f"{ROUTE}.require.claims.0"),
    Fault(
        "limits.orders.tiers",
        {"enterprise": {"rate": "1/s", "burst": 1}},
        f"{ROUTE}.limit",
        (f"{ROUTE}.anonymous", "tiers.names"),
    ),
    Fault("routes.1.name", "orders", needs=(f"{ROUTE}.name",)),
    Fault(
        "routes.1.match",
        {"path": "/orders/{x}/**", "methods": ["GET"], "hosts": ["api.example.com"]},
        needs=(f"{ROUTE}.match.path", f"{ROUTE}.match.hosts.0", f"{ROUTE}.match.methods.0"),
    ),
    Fault("tiers.names.1", "free", needs=("tiers.names.0",)),
    Fault("tiers.names.0", "anonymous"),
    Fault("tiers.values.gold", "premum", needs=("tiers.names",)),
    Fault("limits.orders.tiers.gold", {"rate": "1/s", "burst": 1}, needs=("tiers.names",)),
    Fault("limits.orders.tiers.free.burst", 2_000_000_000),
    Fault("limits.orders.tiers.free", {"rate": "1/d", "burst": 5000}, "limits.orders.tiers.free.rate"),
    Fault("identity_headers.user_id", "Host"),
    Fault("identity_headers.org_id", "x-user-id", needs=("identity_headers.user_id",)),
    Fault("identity_headers.also_strip", ["X-A", "Host"], "identity_headers.also_strip.1"),
    Fault("store.url", "http://a"),
    Fault("store.url", "valkeys://a?ca=/none.pem"),
)
"""One for each rule between values."""


def base() -> dict[str, Any]:
    """The reference, in which all keys are, and what it only speaks of."""
    document: dict[str, Any] = msgspec.yaml.decode((EXAMPLES / "reference.yaml").read_bytes())
    document["upstreams"]["secure"] = SECURE
    document["routes"].append(PUBLIC)
    return deepcopy(document)


BASE: Final = base()


@cache
def path_of(text: str) -> Path:
    return tuple(int(step) if step.isdigit() else step for step in text.split("."))


def below(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """All values but the top, and but what is within an inline key set."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        at = f"{path}.{step}" if path else str(step)
        yield at, inner
        if step != "inline":
            yield from below(inner, at)


NAMED: Final = ("issuers", "upstreams", "limits", "limits.orders.tiers", "tiers.values", "issuers.archive.keys.inline")
"""Mappings whose keys are anybody's."""
WITHIN: Final = tuple(
    fault
    for at, value in below(BASE)
    for fault in (
        Fault(at, 5.5 if isinstance(value, dict | list) else {"no": 1}),
        *([Fault(f"{at}.qqqqqq", 1)] if isinstance(value, dict) and at not in NAMED else []),
    )
)
"""What can be wrong with each value by itself: another type; a key that is not known."""


def independent(one: Fault, other: Fault) -> bool:
    """Whether neither is put where the other is, or where that is told, or what that is concluded from."""
    for path, fault in ((path_of(one.at), other), (path_of(other.at), one)):
        around = [path_of(fault.at), *map(path_of, fault.needs)]
        if any(path[: len(part)] == part[: len(path)] for part in around):
            return False
        if path_of(fault.told or fault.at)[: len(path)] == path:
            return False
    return True


def with_as_many_as_possible(fault: Fault, others: Iterable[Fault]) -> list[Fault]:
    faults = [fault]
    for other in others:
        if all(independent(one, other) for one in faults):
            faults.append(other)
    return faults


def document(faults: Iterable[Fault]) -> str:
    planted = deepcopy(BASE)
    for fault in faults:
        *steps, last = path_of(fault.at)
        here: Any = planted
        for step in steps:
            here = here[step]
        if fault.put is REMOVED:
            del here[last]
        else:
            here[last] = fault.put
    return msgspec.json.encode(planted).decode()


def untold(faults: Iterable[Fault]) -> set[str]:
    expected = {dotted(path_of(fault.told or fault.at)) for fault in faults}
    return expected - told(document(faults), ENVIRON, EXAMPLES).keys()


def test_nothing_is_wrong_to_begin_with() -> None:
    assert told(document([]), ENVIRON, EXAMPLES) == {}


@pytest.mark.parametrize("fault", BETWEEN, ids=lambda fault: fault.told or fault.at)
def test_no_rule_is_hidden_by_other_rules(fault: Fault) -> None:
    assert untold(with_as_many_as_possible(fault, BETWEEN)) == set()


@pytest.mark.parametrize("fault", BETWEEN, ids=lambda fault: fault.told or fault.at)
def test_no_rule_is_hidden_by_what_is_wrong_with_values(fault: Fault) -> None:
    # The innermost first: each of the others excludes all that is within it.
    assert untold(with_as_many_as_possible(fault, reversed(WITHIN))) == set()


@given(st.sampled_from(BETWEEN), st.sampled_from([*BETWEEN, *WITHIN]))
def test_of_two_faults_both_are_told(one: Fault, other: Fault) -> None:
    assume(independent(one, other))
    assert untold([one, other]) == set()


@given(st.sampled_from(WITHIN), st.sampled_from(["wrong", "empty", "not set"]))
def test_nothing_that_follows_from_one_fault_is_told(fault: Fault, how: str) -> None:
    if how != "wrong" and not fault.at.startswith("identity_headers") and "inline" not in fault.at:
        fault = fault._replace(put=None if how == "empty" else "${NOT_SET}")
    assert list(told(document([fault]), ENVIRON, EXAMPLES)) == [dotted(path_of(fault.at))]
