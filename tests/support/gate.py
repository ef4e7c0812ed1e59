"""A whole gateway between a caller who may lie and an upstream that knows what came of it."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from tests.support import http1
from tests.support.documents import document
from tests.support.gateway import running_gateway
from tests.support.recording import recording_upstream
from tests.support.tokens import AUDIENCE, ISSUER, key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

    from tests.support.documents import Document
    from tests.support.gateway import RunningGateway
    from tests.support.http1 import Answer
    from tests.support.recording import RecordingUpstream

FOREVER: Final = 4_000_000_000
"""An ``exp`` past the tests' end, in seconds."""
CLAIMS: Final[Document] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": FOREVER}
HEADER: Final[Document] = {"alg": "ES256", "kid": "ES256", "typ": "at+jwt"}
SPOOFED: Final = {"X-User-Id": "root", "x_user_roles": "root", "X-Token.Issuer": "root"}
ROUTES: Final[list[Document]] = [
    {"name": "closed", "match": {"path": "/closed/**"}, "upstream": "api"},
    {"name": "open", "match": {"path": "/open/**"}, "upstream": "api", "anonymous": True},
    {"name": "kept", "match": {"path": "/kept/**"}, "upstream": "api", "propagate": "pass-through"},
]
PREFIXES: Final = ("/closed", "/open", "/kept")


class Gate(msgspec.Struct, frozen=True):
    """A gateway, with the upstream that knows what came of it."""

    running: RunningGateway
    upstream: RecordingUpstream

    async def ask(self, target: str, *authorization: str, method: str = "GET", **headers: str) -> Answer:
        """Send a request with these Authorization fields and some identity of the caller's own making."""
        fields = [*SPOOFED.items(), *headers.items(), *(("Authorization", value) for value in authorization)]
        lines = [
            f"{method} {target} HTTP/1.1",
            "Host: gateway.example",
            *(f"{name}: {value}" for name, value in fields),
        ]
        async with http1.connect(self.running.port) as client:
            await client.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
            return await client.answer(head_only=method == "HEAD")

    async def refused(self, *authorization: str, error: str = "invalid_token", status: int = 401) -> None:
        """On no route, be it open to the anonymous, does anything of it reach the upstream, or come back."""
        for prefix in PREFIXES:
            seen = len(self.upstream.requests)
            answer = await self.ask(f"{prefix}/x", *authorization)
            assert (answer.status, answer.json["error"]) == (status, error), authorization
            assert answer.value("content-type") == "application/problem+json"
            if status == 401:
                assert 'error="invalid_token"' in (answer.value("www-authenticate") or "")
            assert len(self.upstream.requests) == seen
            for value in authorization:
                assert all(part not in answer.body.decode() for part in value.split(".") if len(part) > 20)

    async def refused_tokens(self, tokens: Iterable[str], error: str = "invalid_token") -> None:
        for token in tokens:
            await self.refused(f"Bearer {token}", error=error)

    async def accepted(self, authorization: str) -> None:
        """It reaches the upstream, once, with each of the gateway's fields once and none of the caller's."""
        for prefix in PREFIXES:
            seen = len(self.upstream.requests)
            assert (await self.ask(f"{prefix}/x", authorization)).status == 200
            (received,) = self.upstream.requests[seen:]
            assert received.target == f"{prefix}/x"
            names = [name.lower() for name, _ in received.head.headers]
            told = [name for name in names if name.startswith(("x-user", "x-token"))]
            assert len(names) == len(set(names))
            if prefix == "/kept":
                assert (received.values("authorization"), told) == ([authorization], [])
            else:
                assert received.values("authorization") == []
                assert received.values("x-user-id") == ["alice"]
                assert received.values("x-token-issuer") == [ISSUER]
            assert b"root" not in received.head.raw


@asynccontextmanager
async def gate(folder: Path, *, wall: Callable[[], float] = time.time, **sections: object) -> AsyncIterator[Gate]:
    """Run a gateway with `ROUTES` in front of a recording upstream; `sections` are those of `document`."""
    async with recording_upstream() as upstream:
        configured = document(upstream.url) | {"routes": ROUTES} | sections
        async with running_gateway(configured, folder, wall=wall) as running:
            yield Gate(running, upstream)


def forged(header: Document | bytes, payload: Document | bytes | None = None) -> str:
    """Return what a holder of the ES256 key could sign; a document adds to the usual header, or is the payload."""
    text = header if isinstance(header, bytes) else msgspec.json.encode(HEADER | header)
    return key("ES256").compact(text, CLAIMS if payload is None else payload)


def without(*names: str, **changes: object) -> Document:
    """Return the usual claims without these, and with those changed."""
    return {name: value for name, value in {**CLAIMS, **changes}.items() if name not in names}
