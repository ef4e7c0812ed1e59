"""The header rows of the shared attacks, as octets on a socket: what callers say of themselves does not arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.cases.messages import get, post
from tests.support.tokens import key
from tests.support.wire import OPEN, wire

if TYPE_CHECKING:
    from pathlib import Path

HEADERS: Final[dict[str, tuple[bytes, ...]]] = {
    "H1": (b"X-User-Id: admin", b"X-User-Roles: admin", b"X-Tenant-Id: t", b"X-Token-Issuer: i", b"X-Token-Scopes: s"),
    "H2": (b"X_User_Id: admin", b"x_user-id: admin", b"x.user.id: admin", b"X-USER-ID: admin", b"X-User_Roles: admin"),
    "H3": (b"X-Role: user", b"X-Role: admin", b"X-Roles: admin", b"X-User-Id: a", b"X-User-Id: b"),
    "H8": (b"X-Forwarded-Proto: https", b"X-Forwarded-Port: 1", b"X-Forwarded-Prefix: /x", b"X-Forwarded-Host: evil",
           b"X-Forwarded-For: 6.6.6.6", b"Forwarded: for=6.6.6.6", b"X-Real-Ip: 6.6.6.6", b"True-Client-IP: 6.6.6.6"),
    "H11": (b"X-Request-Id: " + b"a" * 10_000, b"X-Correlation-Id: chosen"),
    "P10": (b"X-HTTP-Method-Override: DELETE", b"X-Method-Override: DELETE", b"X-Original-URL: /admin",
    b"X-Rewrite-URL: /admin"),
}  # fmt: skip


@pytest.mark.parametrize("anonymous", [True, False])
@pytest.mark.parametrize("row", HEADERS)
async def test_what_callers_say_of_themselves_does_not_arrive(tmp_path: Path, row: str, *, anonymous: bool) -> None:
    token = b"" if anonymous else b"Authorization: Bearer " + key("ES256").token(sub="alice").encode() + b"\r\n"
    routes = [{**OPEN[0], "anonymous": anonymous}]
    async with wire(tmp_path, routes=routes) as gate:
        heard = await gate.play(b"GET / HTTP/1.1\r\nHost: h\r\n" + token + b"\r\n".join((*HEADERS[row], b"", b"")))
        (received,) = heard.arrived
    raw = received.head.raw.lower()
    for line in HEADERS[row]:
        value = line.split(b": ", 1)[1]
        assert b": " + value + b"\r\n" not in raw
    assert received.values("X-User-Id") == ([] if anonymous else ["alice"])
    assert received.values("X-Forwarded-For") == ["127.0.0.1"]
    assert len(received.values("X-Request-Id")) == 1
    assert received.values("Authorization") == []


async def test_ids_arrive_under_their_configured_names_and_no_others(tmp_path: Path) -> None:
    """A caller can set neither; to the caller, the id is told under its usual name."""
    names = {"request_id": "X-Trace-Id", "correlation_id": None}
    async with wire(tmp_path, routes=[{**OPEN[0], "anonymous": True}], identity_headers=names) as gate:
        heard = await gate.play(get(b"X-Trace-Id: mine", b"X-Request-Id: mine", b"X-Correlation-Id: mine"))
        (received,) = heard.arrived
    (identifier,) = received.values("X-Trace-Id")
    assert f"x-request-id: {identifier}".encode() in heard.raw.lower()
    assert received.values("X-Request-Id") == received.values("X-Correlation-Id") == []


async def test_h4_connection_options_do_not_reach_what_the_gateway_says(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=[{**OPEN[0], "anonymous": False}]) as gate:
        token = key("ES256").token(sub="alice").encode()
        options = b"Connection: X-User-Id, X-Request-Id, Host, X-Forwarded-For, Content-Length, X-Own, close"
        heard = await gate.play(
            post(b"Authorization: Bearer " + token, options, b"Content-Length: 2", b"X-Own: 1", body=b"hi")
        )
    (received,) = heard.arrived
    assert received.values("X-User-Id") == ["alice"]
    assert received.values("Host") == ["h"]
    assert received.values("X-Forwarded-For") == ["127.0.0.1"]
    assert len(received.values("X-Request-Id")) == 1
    assert received.body == b"hi"
    assert received.values("X-Own") == received.values("Connection") == []


async def test_h10_and_p12_nothing_opens_a_protected_route(tmp_path: Path) -> None:
    async with wire(tmp_path, routes=[{**OPEN[0], "anonymous": False}]) as gate:
        for raw in (
            get(b"User-Agent: kube-probe/1.30"), get(b"User-Agent: ELB-HealthChecker/2.0"),
            get(start=b"GET /health/live HTTP/1.1"),
            get(b"Origin: https://a.example", b"Access-Control-Request-Method: GET", start=b"OPTIONS / HTTP/1.1"),
        ):  # fmt: skip
            heard = await gate.play(raw)
            assert heard.statuses == [401]
        assert gate.upstream.requests == []


async def test_h12_an_upstream_names_no_identities(tmp_path: Path) -> None:
    async with wire(tmp_path) as gate:
        gate.upstream.answer(
            b"HTTP/1.1 200 OK\r\nX-User-Id: admin\r\nx_user_roles: admin\r\nX-Request-Id: y\r\n"
            b"Content-Length: 0\r\n\r\n"
        )
        heard = await gate.play(get())
    assert b"admin" not in heard.raw
    assert heard.raw.lower().count(b"x-request-id: ") == 1


@pytest.mark.parametrize("limited", [True, False])
async def test_a_service_s_list_of_limits_does_not_stand_beside_the_gateway_s(tmp_path: Path, *, limited: bool) -> None:
    limits = {"calls": {"tiers": {"anonymous": {"rate": "1/s", "burst": 9}}}}
    routes = [
        {**OPEN[0], "match": {"path": "/limited"}, "limit": "calls"} if limited else OPEN[0],
        {**OPEN[0], "name": "free", "match": {"path": "/free"}},
    ]
    answer = (
        b'HTTP/1.1 200 OK\r\nRateLimit: "own";r=1\r\nratelimit-policy: "own";q=1\r\nRetry-After: 7\r\n'
        b"X-RateLimit-Remaining: 1\r\nContent-Length: 0\r\n\r\n"
    )
    async with wire(tmp_path, routes=routes, limits=limits if limited else {}) as gate:
        for target in (b"/limited", b"/free"):
            gate.upstream.answer(answer)
            heard = await gate.play(get(start=b"GET " + target + b" HTTP/1.1"))
            counts = heard.raw.count(b'"own"'), heard.raw.count(b'"calls"')
            assert counts == ((0, 2 if target == b"/limited" else 0) if limited else (2, 0))
            assert b"Retry-After: 7\r\nX-RateLimit-Remaining: 1\r\n" in heard.raw
