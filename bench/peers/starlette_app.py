"""The application of the `starlette` peer: what a careful team writes with the usual parts."""

from __future__ import annotations

import json
import os
import time
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypedDict

import httpx
import jwt
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

SETTINGS = json.loads(os.environ["BENCH_SETTINGS"])  # noqa: TID251 - written by the harness itself
IDENTITY = {
    "x-user-id": "sub",
    "x-user-email": "email",
    "x-tenant-id": "tenant_id",
    "x-token-issuer": "iss",
    "x-token-scopes": "scope",
    "x-token-expires": "exp",
}
NOT_FORWARDED = {*IDENTITY, "host", "authorization", "connection", "x-request-id", "x-forwarded-for"}

buckets: dict[str, tuple[float, float]] = {}


class State(TypedDict):
    """What lives as long as the application."""

    client: httpx.AsyncClient


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[State]:
    """One pooled client for the whole application."""
    limits = httpx.Limits(max_connections=256, max_keepalive_connections=256)
    async with httpx.AsyncClient(base_url=SETTINGS["upstream"], limits=limits, timeout=30) as client:
        yield {"client": client}


def allowed(caller: str) -> bool:
    """Take one token from the caller's bucket."""
    now = time.monotonic()
    left, then = buckets.get(caller, (SETTINGS["burst"], now))
    left = min(SETTINGS["burst"], left + (now - then) * SETTINGS["rate"])
    buckets[caller] = (left - 1 if left >= 1 else left, now)
    return bool(left >= 1)


async def proxy(request: Request) -> Response:
    """Verify, authorise, limit, forward."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return JSONResponse({"error": "missing_token"}, 401, {"WWW-Authenticate": "Bearer"})
    try:
        claims = jwt.decode(
            token,
            SETTINGS["key"],
            algorithms=[SETTINGS["algorithm"]],
            audience=SETTINGS["audience"],
            issuer=SETTINGS["issuer"],
            options={"require": ["exp", "sub"]},
        )
    except jwt.InvalidTokenError:
        return JSONResponse({"error": "invalid_token"}, 401, {"WWW-Authenticate": 'Bearer error="invalid_token"'})
    if SETTINGS["scope"] not in claims.get("scope", "").split():
        return JSONResponse({"error": "insufficient_scope"}, 403)
    if not allowed(claims["sub"]):
        return JSONResponse({"error": "rate_limited"}, 429, {"Retry-After": "1"})
    headers = [(name, value) for name, value in request.headers.items() if name not in NOT_FORWARDED]
    headers += [(name, str(claims[claim])) for name, claim in IDENTITY.items() if claim in claims]
    headers += [("x-request-id", str(uuid.uuid4())), ("x-forwarded-for", request.client.host if request.client else "")]
    client: httpx.AsyncClient = request.state.client
    body = request.stream() if "content-length" in request.headers or "transfer-encoding" in request.headers else None
    forwarded = client.build_request(request.method, request.url.path, headers=headers, content=body)
    answer = await client.send(forwarded, stream=True)
    kept = {name: value for name, value in answer.headers.items() if name != "connection"}
    return StreamingResponse(answer.aiter_raw(), answer.status_code, kept, background=BackgroundTask(answer.aclose))


app = Starlette(routes=[Route("/{path:path}", proxy, methods=["GET", "POST", "PUT", "DELETE"])], lifespan=lifespan)
