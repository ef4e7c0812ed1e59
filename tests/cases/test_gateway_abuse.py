"""The claim, rate, label and log rows of ../shared/cases/attacks.tsv, by their ids, against a whole gateway over HTTP.

Header fields and bounds, octet by octet, are in `test_wire_headers` and `test_wire_bounds`.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from ostiary.config.model import Admin
from ostiary.observe.exposition import render
from tests.support.documents import issuer
from tests.support.gate import ROUTES, forged, gate, without
from tests.support.gateway import logged
from tests.support.tokens import key, tampered

if TYPE_CHECKING:
    from pathlib import Path


async def test_h13_an_address_with_two_ats(tmp_path: Path) -> None:
    require = {"claims": [{"claim": "email", "domain": ["corp.com"]}]}
    async with gate(tmp_path, routes=[{**route, "require": require} for route in ROUTES]) as one:
        for email in ("a@evil@corp.com", "a@corp.com@evil.example", "a@evilcorp.com", None):
            token = key().token(None, email=email)
            await one.refused(f"Bearer {token}", error="access_denied", status=403)
        await one.accepted(f"Bearer {key().token(None, email='a@corp.com')}")


def limited(tiers: dict[str, int]) -> dict[str, Any]:
    buckets = {tier: {"rate": "1/h", "burst": burst} for tier, burst in tiers.items()}
    return {"routes": [{**route, "limit": "calls"} for route in ROUTES], "limits": {"calls": {"tiers": buckets}}}


@pytest.mark.parametrize("real_ip", [True, False])
@pytest.mark.parametrize("trusted", [[], ["127.0.0.0/8"]])
async def test_r1_a_rotating_forwarded_for(tmp_path: Path, trusted: list[str], *, real_ip: bool) -> None:
    """What a caller writes to the left of what a trusted proxy appended is the caller's own invention."""
    sections = limited({"anonymous": 3})
    async with gate(tmp_path, server={"listen": "127.0.0.1:0", "trusted_proxies": trusted}, **sections) as one:
        for number in range(20):
            appended = f"10.9.8.{number}, 203.0.113.9" if trusted else f"10.9.8.{number}"
            fields = {"X-Forwarded-For": appended, "Forwarded": f"for=10.2.2.{number}"}
            if real_ip:  # contradicts the proxy, so that neither counts
                fields["X-Real-IP"] = f"10.1.1.{number}"
            answer = await one.ask("/open/x", **fields)
            assert answer.status == (200 if number < 3 else 429)
        assert len(one.upstream.requests) == 3
        addresses = {address for received in one.upstream.requests for address in received.values("x-forwarded-for")}
        assert addresses == {"203.0.113.9" if trusted and not real_ip else "127.0.0.1"}


@pytest.mark.parametrize(
    "tier, burst", [("enterprise", 5), ("free", 2), ("unlimited", 2), ("anonymous", 2), ("", 2), (7, 2), ({}, 2)]
)
async def test_r5_the_tier_is_the_verified_claims(tmp_path: Path, tier: object, burst: int) -> None:
    sections = limited({"anonymous": 9, "free": 2, "enterprise": 5})
    async with gate(tmp_path, **sections) as one:
        token = key().token(None, tier=tier)
        statuses = [(await one.ask("/closed/x", f"Bearer {token}", tier="enterprise")).status for _ in range(8)]
        assert statuses == [200] * burst + [429] * (8 - burst)


async def test_r8_one_route_in_many_spellings(tmp_path: Path) -> None:
    """All of them are one path with one bucket, or no path at all."""
    spellings = (
        "/closed/x", "//closed/x", "/closed//x", "/./closed/x", "/closed/./x", "/a/../closed/x", "/%63losed/x",
        "/closed/%78",
        "/closed/x?a=1", "http://gateway.example/closed/x", "/CLOSED/x", "/closed%2fx", "/closed/x/", "/closed;a=1/x",
        "/closed\\x", "/closed/x#a",
    )  # fmt: skip
    async with gate(tmp_path, **limited({"free": 3})) as one:
        token = f"Bearer {key().token()}"
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            for spelling in spellings:
                assert (await one.ask(spelling, token, method=method)).status in {200, 400, 404, 429}
        assert len(one.upstream.requests) == 3
        assert {received.target for received in one.upstream.requests} == {"/closed/x"}


async def test_d9_what_callers_choose_is_no_label(tmp_path: Path) -> None:
    async with gate(tmp_path, **limited({"free": 1})) as one:
        stable = None
        for number in range(60):
            name = f"canary{number}"
            signer = key()
            good = signer.token(None, sub=name, tier=name, jti=name)
            for authorization in (good, good, signer.token({"kid": name}), signer.token(None, iss=name), name):
                await one.ask(f"/closed/{name}", f"Bearer {authorization}", Accept=name, **{"User-Agent": name})
            await one.ask(f"/{name}", Accept=name)
            await one.ask("/open/x", method="M-" + "ABCDEFGHIJ"[number // 10] + "ABCDEFGHIJ"[number % 10])
            values = one.running.metrics.snapshot().values
            series = {(family, labels) for family, children in values.items() for labels in children}
            if number < 2:  # after two rounds, all that can happen has happened
                stable = series
            assert series == stable
        assert "canary" not in str(stable)


async def test_c9_what_is_the_operators_is_not_on_the_listener(tmp_path: Path) -> None:
    assert Admin().listen.host == "127.0.0.1"
    async with gate(tmp_path) as one:
        for target in ("/metrics", "/health/live", "/health/ready", "/admin", "/debug"):
            answer = await one.ask(target, f"Bearer {forged({})}")
            assert (answer.status, answer.json["error"]) == (404, "no_route")


async def test_l1_secrets_leave_no_trace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """However a request that carries a canary ends, be it by a bug, nothing that anybody reads repeats it."""
    caplog.set_level(logging.DEBUG)
    shared = issuer(
        issuer="https://internal.example", algorithms=["HS256"], keys={"secret": "canary-of-at-least-32-bytes-0123"}
    )
    issuers = {"tests": issuer(), "internal": shared}
    good = forged({}, without(email="canary@corp.com", roles=["canary"], nonce="canary"))
    seen: list[str] = []
    async with gate(tmp_path, issuers=issuers) as one:
        fields = {
            "Cookie": "session=canary",
            "X-Api-Key": "canary",
            "User-Agent": "canary",
            "Referer": "https://canary",
        }

        async def ask(authorization: str) -> int:
            answer = await one.ask("/closed/x?access_token=canary", authorization, **fields)
            seen.append(answer.head.raw.decode() + answer.body.decode())
            return answer.status

        assert await ask(f"Bearer {good}") == 200
        for bad in (
            "canary",
            "canary.canary.canary",
            tampered(good),
            forged({"kid": "canary"}),
            forged({"typ": "canary"}),
        ):
            assert await ask(f"Bearer {bad}") == 401
        assert await ask("Basic canary") == 401
        authenticator = one.running.gateway.pipeline._authenticators[0]

        def raises(*_: object) -> None:
            raise ValueError(f"canary {good}")

        authenticator.authenticate = raises  # type: ignore[method-assign,assignment]  # a bug
        assert await ask(f"Bearer {good}") == 500
        seen += [
            render(one.running.metrics.snapshot(), "")[0].decode(),
            repr(one.running.gateway.config),
            repr(one.running),
        ]
    seen += [one.running.access_log.read_text(), one.running.security_log.read_text(), caplog.text, *capfd.readouterr()]
    assert len(logged(one.running.access_log)) == 8
    assert "unexpected ValueError at " in caplog.text
    signatures = [good.rpartition(".")[2], good.split(".")[1]]
    for text in seen:
        for secret in ("canary", *signatures):
            assert secret not in text


async def test_l3_logs_cannot_be_steered(tmp_path: Path) -> None:
    nasty = 'a"b\\c{}%0a,é'
    async with gate(tmp_path) as one:
        for target in (
            "/closed/%0a%1b%5b2J",
            "/closed/%22%27%3c",
            "/closed/%C3%A9%E2%80%AE",
            '/closed/"',
            "/closed/\x1b[2J",
        ):
            await one.ask(target, f"Bearer {key().token(None, sub=nasty)}", **{"User-Agent": 'x"\\n\t{}'})
        for sub in ("a\nb", "a\x1b[2Jb", "a\u202eb", "a\u2028b"):
            await one.refused(f"Bearer {key().token(None, sub=sub)}", error="invalid_claims")
    records = logged(one.running.access_log)
    assert {record["subject"] for record in records if record["status"] == 200} == {nasty}
    for log in (one.running.access_log, one.running.security_log):
        raw = log.read_bytes()
        assert raw.isascii()
        assert all(line.decode().isprintable() for line in raw.splitlines())
        assert len(raw.splitlines()) == len(logged(log))
