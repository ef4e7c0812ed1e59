"""The bytes that are sent, rendered before the clock starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def render(token: str | None, target: str = "/service-0000/orders/17", body: bytes = b"") -> bytes:
    """One HTTP/1.1 request as a client of an API sends it (RFC 9112); a body makes it a POST."""
    lines = [
        f"{'POST' if body else 'GET'} {target} HTTP/1.1",
        "Host: api.example.com",
        "User-Agent: orders-client/4.2",
        "Accept: application/json",
        "Accept-Encoding: gzip, deflate, br",
    ]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines += ["Content-Type: application/octet-stream", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def pool(
    tokens: Sequence[str],
    target: str = "/service-{route:04}/orders/{item}",
    body: bytes = b"",
    *,
    routes: int = 10,
    count: int = 0,
) -> list[bytes]:
    """One request for each token, or `count` with the tokens in turn, spread over the routes; no path comes twice."""
    return [
        render(tokens[i % len(tokens)], target.format(route=i * 7919 % routes, item=i), body)
        for i in range(count or len(tokens))
    ]
