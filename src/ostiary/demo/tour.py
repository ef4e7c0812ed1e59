"""The guided tour: which requests are sent, and what each of them shows."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

import aiohttp
import msgspec

from ostiary.demo.configuration import REPORTS_BURST
from ostiary.demo.identity_provider import CLIENTS
from ostiary.demo.step import Answer, Expected, Step, read_answer, surprises

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.demo.configuration import Addresses

    Shown = Callable[[int, Step, Answer, list[str]], None]

_LIMIT_FIELDS: Final = ("retry-after", "ratelimit", "ratelimit-policy")
_ANOTHER_AUDIENCE: Final = "https://payroll.example"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)


class Tokens(msgspec.Struct, frozen=True):
    """The tokens that the tour shows the gateway."""

    kiosk: str
    back_office: str
    expired: str
    another_audience: str

    def __repr__(self) -> str:
        return "Tokens()"


def steps(tokens: Tokens) -> list[Step]:
    """Return the tour up to the change of keys, in the order in which it is told."""
    kiosk_seen = {
        "x-user-id": "kiosk",
        "x-token-scopes": "orders:read",
        "x-tenant-id": "acme",
        "x-user-roles": "viewer",
    }
    forged = {"X-User-Id": "root", "x_user_id": "root", "X-User-Roles": "admin"}
    return [
        Step(
            "An open door",
            "A route that allows anonymous callers needs no token. An identity that the caller makes up is taken off.",
            "/status",
            Expected(200, unseen=("x-user-id", "x_user_id", "x-user-roles")),
            headers=forged,
        ),
        Step(
            "No token",
            "Every other route wants to know who is calling, and says how to show it (RFC 6750).",
            "/orders",
            Expected(401, "missing_token", ("www-authenticate",)),
        ),
        Step(
            "A good token",
            "Verified with the provider's published keys. The service is told who it is, and never sees the token.",
            "/orders",
            Expected(200, seen=kiosk_seen, unseen=("authorization",)),
            token=tokens.kiosk,
            whose="kiosk, RS256",
        ),
        Step(
            "A good token and a forged name",
            "Identity headers from outside are stripped in any spelling; what arrives comes from the token alone.",
            "/orders",
            Expected(200, seen=kiosk_seen, unseen=("x_user_id",)),
            token=tokens.kiosk,
            whose="kiosk, RS256",
            headers=forged,
        ),
        Step(
            "An expired token",
            "Rightly signed, two minutes too old.",
            "/orders",
            Expected(401, "token_expired", ("www-authenticate",)),
            token=tokens.expired,
            whose="kiosk, expired",
        ),
        Step(
            "A token for somebody else",
            f"Good at {_ANOTHER_AUDIENCE}, and only there.",
            "/orders",
            Expected(401, "invalid_claims", ("www-authenticate",)),
            token=tokens.another_audience,
            whose="kiosk, another audience",
        ),
        Step(
            "A tampered token",
            "The kiosk gives itself orders:write; the signature no longer fits.",
            "/orders",
            Expected(401, "invalid_token", ("www-authenticate",)),
            method="POST",
            token=tampered(tokens.kiosk),
            whose="kiosk, scope edited",
        ),
        Step(
            "A token without a signature",
            'The header says alg "none". Algorithms come from the configuration, never from the caller.',
            "/orders",
            Expected(401, "invalid_token", ("www-authenticate",)),
            token=unsigned(tokens.kiosk),
            whose="kiosk, unsigned",
        ),
        Step(
            "A missing scope",
            "The kiosk may read orders, not write them; the answer names the scope that would do.",
            "/orders",
            Expected(403, "insufficient_scope", ("www-authenticate",)),
            method="POST",
            token=tokens.kiosk,
            whose="kiosk, orders:read",
        ),
        Step(
            "The right scope",
            "The back office may.",
            "/orders",
            Expected(200, seen={"x-user-id": "back-office", "x-user-email": "office@acme.example"}),
            method="POST",
            token=tokens.back_office,
            whose="back-office, ES256",
        ),
        Step(
            "One request too many",
            f"{REPORTS_BURST} at once are let through, whichever worker they reach; the next hears how long to wait.",
            "/reports",
            Expected(429, "rate_limited", _LIMIT_FIELDS),
            token=tokens.kiosk,
            whose="kiosk, tier free",
            before=REPORTS_BURST,
        ),
        Step(
            "A better tier",
            "The same moment, the same route: the token's tier chooses the bucket.",
            "/reports",
            Expected(200, fields=("ratelimit",)),
            token=tokens.back_office,
            whose="back-office, tier premium",
        ),
    ]


def rotated(token: str) -> Step:
    """Return the last step: `token` is signed with a key made after the gateway last looked."""
    return Step(
        "New keys",
        "The provider has changed its keys. The unknown key id makes the gateway look again, at once and only once.",
        "/orders",
        Expected(200, seen={"x-user-id": "kiosk"}),
        token=token,
        whose="kiosk, new key",
    )


async def tour(at: Addresses, show: Shown) -> list[bool]:
    """Take the tour, calling `show` after each step; return for each of them whether it was surprised."""
    surprised: list[bool] = []
    # A connection for each request, so that they are spread over the workers.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(timeout=_TIMEOUT, connector=connector) as session:
        tokens = Tokens(
            kiosk=await fetch_token(session, at, "kiosk"),
            back_office=await fetch_token(session, at, "back-office", alg="ES256"),
            expired=await fetch_token(session, at, "kiosk", expires_in="-120"),
            another_audience=await fetch_token(session, at, "kiosk", resource=_ANOTHER_AUDIENCE),
        )
        for number, step in enumerate(steps(tokens), 1):
            surprised.append(await _take(session, at, number, step, show))
        async with session.post(f"{at.provider}/rotate") as answer:
            answer.raise_for_status()
        last = rotated(await fetch_token(session, at, "kiosk"))
        surprised.append(await _take(session, at, len(surprised) + 1, last, show))
    return surprised


async def fetch_token(session: aiohttp.ClientSession, at: Addresses, client_id: str, **parameters: str) -> str:
    """Return an access token from the demo's provider. Raises `aiohttp.ClientError`."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": CLIENTS[client_id].secret,
        **parameters,
    }
    async with session.post(f"{at.provider}/token", data=form) as answer:
        answer.raise_for_status()
        token: str = msgspec.json.decode(await answer.read())["access_token"]
        return token


async def _take(session: aiohttp.ClientSession, at: Addresses, number: int, step: Step, show: Shown) -> bool:
    found = []
    for turn in range(step.before):
        answer = await _send(session, at, step)
        if answer.error or answer.status != 200:
            found.append(f"request {turn + 1} of {step.before + 1} already got {answer.status} {answer.error}".rstrip())
    answer = await _send(session, at, step)
    found += surprises(step.expected, answer)
    show(number, step, answer, found)
    return bool(found)


async def _send(session: aiohttp.ClientSession, at: Addresses, step: Step) -> Answer:
    headers = {**step.headers, **({"Authorization": f"Bearer {step.token}"} if step.token else {})}
    try:
        async with session.request(step.method, f"{at.gateway}{step.path}", headers=headers) as answer:
            return read_answer(answer.status, answer.headers, await answer.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        return Answer(0, {}, "", f"no answer: {type(error).__name__}", None)


def tampered(token: str) -> str:
    """Return `token` with orders:write in its scope and the signature it had."""
    header, payload, signature = token.split(".")
    claims = msgspec.json.decode(_decode(payload))
    claims["scope"] = "orders:read orders:write"
    return f"{header}.{_encode(msgspec.json.encode(claims))}.{signature}"


def unsigned(token: str) -> str:
    """Return an unsecured JWS (RFC 7515 appendix A.5) with the claims of `token`."""
    header = _encode(b'{"alg":"none"}')
    return f"{header}.{token.split('.')[1]}."


def _decode(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
