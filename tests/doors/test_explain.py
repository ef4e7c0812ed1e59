from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ostiary.config.model import Config
from ostiary.doors.explain import Ask, Explanation, explain
from ostiary.gateway import Gateway
from ostiary.observe.metrics import Metrics
from ostiary.observe.security_log import SecurityLog
from ostiary.observe.sink import Sink
from ostiary.observe.writer import LineWriter
from ostiary.stores.memory import MemoryStore
from tests.support.documents import document
from tests.support.tokens import key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Asked = Callable[..., Awaitable[Explanation]]

ROUTES = [
    {
        "name": "orders",
        "match": {"path": "/orders/{id}", "methods": ["GET"]},
        "upstream": "api",
        "require": {"scopes": ["orders:read"]},
        "limit": "few",
    },
    {"name": "open", "match": {"path": "/open"}, "upstream": "api", "anonymous": True},
    {"name": "events", "match": {"path": "/events"}, "upstream": "api", "anonymous": True, "websocket": True},
    {
        "name": "pages",
        "match": {"path": "/pages"},
        "upstream": "api",
        "websocket": True,
        "origins": ["https://app.example.com"],
        "websocket_cookie": "t",
    },
    {"name": "kept", "match": {"path": "/kept"}, "upstream": "api", "propagate": "pass-through"},
]
LIMITS = {"few": {"tiers": {"free": {"rate": "1/min", "burst": 1}}}}


@pytest.fixture
async def ask() -> AsyncIterator[Asked]:
    config = Config.model_validate(document("http://127.0.0.1:9", routes=ROUTES, limits=LIMITS))
    metrics, writer = Metrics(), LineWriter(Sink("stderr"))
    gateway = Gateway(config, MemoryStore(), metrics, None, SecurityLog(writer, metrics))
    await gateway.prepare()

    async def asked(target: str, token: str = "", *fields: str) -> Explanation:
        lines = [f"GET {target} HTTP/1.1", "Host: api.example", *fields]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        question = Ask("\r\n".join(lines).encode(), "192.0.2.7")
        return await explain(config, gateway.door, question, time.time(), time.monotonic())

    yield asked
    await gateway.drain(0.0)
    writer.close()


def stages(explanation: Explanation) -> str:
    return " ".join(("" if finding.passed else "!") + finding.stage for finding in explanation.findings)


async def test_an_allowed_request_shows_every_stage_and_what_goes_upstream(ask: Asked) -> None:
    token = key("ES256").token(scope="orders:read orders:write")
    told = await ask("/orders/7?x=1", token, "X-User-Id: root", "Accept: text/plain")
    assert told.allowed
    assert stages(told) == "canonical route credential authenticate authorize limit"
    assert told.findings[0].facts == {
        "host": "api.example",
        "path": "/orders/7",
        "client": "192.0.2.7",
        "stripped": "X-User-Id",
    }
    assert told.findings[1].facts["upstream"] == "api (http://127.0.0.1:9)"
    assert told.findings[4].facts["has scopes"] == "orders:read orders:write"
    assert "r=0" in told.findings[5].facts["RateLimit"]
    assert told.upstream.startswith("GET /orders/7?x=1 HTTP/1.1\r\nHost: api.example\r\nAccept: text/plain\r\n")
    assert "X-User-Id: alice\r\n" in told.upstream
    assert "root" not in told.upstream
    assert told.answer == ""


@pytest.mark.parametrize(
    "target, claims, reached, code",
    [
        ("/a;b", None, "!canonical", "400 bad_request"),
        ("/" + "a" * 10_000, None, "!canonical", "414 target_too_long"),
        ("/nowhere", None, "canonical !route", "404 no_route"),
        ("/orders/7", None, "canonical route credential !authenticate", "401 missing_token"),
        ("/orders/7", {"exp": 5}, "canonical route credential !authenticate", "401 token_expired"),
        ("/orders/7", {"scope": "x"}, "canonical route credential authenticate !authorize", "403 insufficient_scope"),
    ],
)
async def test_a_refusal_is_told_at_the_stage_that_made_it(
    ask: Asked, target: str, claims: dict[str, object] | None, reached: str, code: str
) -> None:
    told = await ask(target, "" if claims is None else key("ES256").token(None, **claims))
    assert not told.allowed
    assert stages(told) == reached
    assert told.findings[-1].verdict.startswith(code)
    assert told.answer.startswith(f"HTTP/1.1 {code[:3]} ")
    assert f'"error":"{code.rpartition(" ")[2]}"' in told.answer
    assert told.upstream == ""


async def test_what_is_required_is_shown_beside_what_is_there(ask: Asked) -> None:
    told = await ask("/orders/7", key("ES256").token(scope="x"))
    assert told.findings[-1].facts == {
        "requires scopes": '["orders:read"]',
        "has scopes": "x",
        "has roles": "none",
    }


async def test_the_limit_speaks_last(ask: Asked) -> None:
    token = key("ES256").token(scope="orders:read")
    assert (await ask("/orders/7", token)).allowed
    told = await ask("/orders/7", token)
    assert stages(told) == "canonical route credential authenticate authorize !limit"
    assert told.answer.startswith("HTTP/1.1 429 ")
    assert "Retry-After: " in told.answer


async def test_an_anonymous_caller_is_told_as_one(ask: Asked) -> None:
    told = await ask("/open")
    assert told.allowed
    assert [finding.verdict for finding in told.findings[2:4]] == ["none", "nothing found"]


@pytest.mark.parametrize("target", ["/kept", "/orders/7", "/open"])
async def test_no_credential_is_ever_shown(ask: Asked, target: str) -> None:
    token = key("ES256").token(scope="orders:read")
    told = await ask(target, token)
    assert told.allowed
    assert token not in repr(told)
    assert token.rpartition(".")[2] not in repr(told)
    assert ("Authorization: (as it was sent)" in told.upstream) == (target == "/kept")


async def test_other_secrets_are_not_shown_either(ask: Asked) -> None:
    told = await ask("/open?access_token=hush&page=2", "", "Cookie: sid=hush", "X-Api-Key: hush", "X-Page: 2")
    assert told.allowed
    assert "hush" not in repr(told)
    assert told.upstream.startswith("GET /open?access_token=***&page=2 HTTP/1.1\r\n")
    assert "\r\nCookie: (as it was sent)\r\nX-Api-Key: (as it was sent)\r\nX-Page: 2\r\n" in told.upstream


@pytest.mark.parametrize(
    "value, verdict",
    [
        ("Basic YTpi", "of another kind than Bearer"),
        ("Bearer x", "a bearer token that cannot be read"),
        ("Bearer ", "401 invalid_token: The Authorization header is not of the form: Bearer <token>."),
    ],
)
async def test_a_strange_credential_is_told_as_one(ask: Asked, value: str, verdict: str) -> None:
    told = await ask("/open", "", f"Authorization: {value}")
    assert told.findings[2].verdict == verdict
    assert stages(told).endswith("!authenticate")


HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
)


@pytest.mark.parametrize("target, wished", [("/events", True), ("/open", False)])
async def test_the_wish_for_a_websocket_goes_upstream_where_the_route_has_them(
    ask: Asked, target: str, *, wished: bool
) -> None:
    told = await ask(target, "", *HANDSHAKE, "Sec-WebSocket-Protocol: chat")
    assert told.allowed
    lines = told.upstream.split("\r\n")
    assert [line in lines for line in (*HANDSHAKE, "Sec-WebSocket-Protocol: chat")] == [wished] * 5
    assert lines[-2:] == ["", ""]
    assert "" not in lines[:-2]


ORIGIN = "Origin: https://app.example.com"


async def test_a_token_in_a_cookie_is_told_of_and_not_shown(ask: Asked) -> None:
    token = key().token()
    told = await ask("/pages", "", *HANDSHAKE, ORIGIN, f"Cookie: a=b; t={token}")
    assert told.allowed, told.answer
    assert "a bearer token; unverified, it says" in {finding.verdict for finding in told.findings}
    assert "Cookie: (as it was sent)" in told.upstream.split("\r\n")
    assert "X-User-Id: alice" in told.upstream.split("\r\n")
    assert token not in told.upstream


async def test_two_tokens_in_cookies_or_none_from_a_page(ask: Asked) -> None:
    token = key().token()
    told = await ask("/pages", "", *HANDSHAKE, ORIGIN, f"Cookie: t={token}; t={token}")
    assert '"ambiguous_credentials"' in told.answer
    assert "400 ambiguous_credentials" in {finding.verdict.partition(":")[0] for finding in told.findings}
    told = await ask("/pages", "", *HANDSHAKE, f"Cookie: t={token}")
    assert '"origin_mismatch"' in told.answer
    told = await ask("/pages", "", ORIGIN, f"Cookie: t={token}")
    assert '"missing_token"' in told.answer
