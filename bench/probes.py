"""Proof that a gateway does the work before it is measured: what it must refuse, it refuses."""

from __future__ import annotations

import time
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING

from bench import tokens

if TYPE_CHECKING:
    import ssl
    from http.client import HTTPResponse

    from bench.spec import Work

TARGET = "/service-0000/seen/17"
"""Where the upstream tells what it was told."""


class ProbeError(Exception):
    """A gateway let through what it must refuse, or the other way round."""


def check(port: int, work: Work) -> None:
    """Show good and bad credentials to a gateway; raises `ProbeError` at the first wrong answer."""
    claims = tokens.claims(999)
    good = work.key.sign(claims)
    stranger = tokens.SigningKey.generate(work.key.algorithm)
    bad = {
        "no token": None,
        "a tampered token": tokens.tampered(good),
        "a stranger's key under a known kid": stranger.sign(claims),
        "an expired token": work.key.sign(claims | {"exp": int(time.time()) - 3600}),
        "another audience": work.key.sign(claims | {"aud": "elsewhere"}),
        "another issuer": work.key.sign(claims | {"iss": "https://elsewhere.example.com/"}),
        "a missing scope": work.key.sign(claims | {"scope": "orders.readonly profile"}),
        "alg none": unsigned(good),
    }
    tls = work.tls.client() if work.tls is not None else None
    if not work.limited:
        answer = ask(port, good, tls)
        if answer.status != 200:
            raise ProbeError(f"a good token was answered {answer.status}")
        told = (
            answer.getheader("X-Seen-User"),
            answer.getheader("X-Seen-Authorization"),
            answer.getheader("X-Seen-Request-Id"),
        )
        if told[0] != claims["sub"] or told[1] or not told[2]:
            raise ProbeError(f"the upstream was told {told!r} (user, authorization, request id)")
    else:
        check_buckets(port, work)
    for what, token in bad.items():
        status = ask(port, token, tls).status
        if status not in {401, 403}:
            raise ProbeError(f"{what} was answered {status}")


def check_buckets(port: int, work: Work) -> None:
    """A bucket of one for each caller: the first request of two callers passes, the second does not."""
    for caller in (997, 998):
        token = work.key.sign(tokens.claims(caller))
        statuses = ask(port, token).status, ask(port, token).status
        if statuses != (200, 429):
            raise ProbeError(f"a bucket of one answered {statuses}")


def unsigned(token: str) -> str:
    """The same claims under `alg: none` (RFC 8725 section 2.1)."""
    header = tokens.b64(b'{"alg":"none","typ":"at+jwt"}')
    return f"{header}.{token.split('.')[1]}."


def ask(port: int, token: str | None, tls: ssl.SSLContext | None = None) -> HTTPResponse:
    """One request on a connection of its own; the body is read."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    if tls is not None:
        connection = HTTPSConnection("127.0.0.1", port, timeout=30, context=tls)
    # An identity header of the caller's own: it must never arrive.
    headers = {"X-User-Id": "root", "Connection": "close"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        connection.request("GET", TARGET, headers=headers)
        response = connection.getresponse()
        response.read()
    finally:
        connection.close()
    return response
