"""One decision, many doors: whatever is asked, `explain` tells what the proxy then does.

Each request goes through both, each door with a gateway of its own, so that limits count alike. Compared are whether it
is let in, the whole refusal, and the head that goes upstream. The rows are those of ../shared/cases/attacks.tsv.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
import pytest

from ostiary.config.model import Config
from ostiary.doors.explain import Ask, explain
from ostiary.doors.hidden import HIDDEN
from tests.cases.messages import REFUSED
from tests.support import http1
from tests.support.documents import document
from tests.support.gate import CLAIMS, HEADER, PREFIXES, ROUTES, SPOOFED, forged, without
from tests.support.gateway import running_gateway
from tests.support.recording import recording_upstream
from tests.support.tokens import AUDIENCE, ISSUER, SigningKey, b64url, key, new_key, tampered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tests.support.documents import Document

    Heads = Iterable[bytes]

NOW: Final = 1_800_000_000.0
END: Final = b"\r\n\r\n"
_MORE: Final[list[Document]] = [
    {"name": "admin", "match": {"path": "/admin/**"}, "upstream": "api", "require": {"scopes": ["admin"]}},
    {"name": "roles", "match": {"path": "/roles"}, "upstream": "api", "require": {"roles": ["owner"]}},
    {"name": "read", "match": {"path": "/read/{id}", "methods": ["GET", "HEAD"]}, "upstream": "api", "anonymous": True},
    {"name": "few", "match": {"path": "/few"}, "upstream": "api", "limit": "few"},
    {"name": "ws", "match": {"path": "/ws"}, "upstream": "api", "websocket": True},
    {"name": "host", "match": {"path": "/**", "hosts": ["only.example"]}, "upstream": "api", "anonymous": True},
]
_LIMITS: Final = {"few": {"tiers": {"free": {"rate": "1/min", "burst": 2}}}}


class Outcome(msgspec.Struct, frozen=True):
    """What came of a request: the head that went upstream, or the refusal, without what is new in each."""

    upstream: str
    refusal: str

    @classmethod
    def of(cls, upstream: str, refusal: str) -> Outcome:
        upstream = re.sub(r"(?m)^(X-(?:Request|Correlation)-Id: ).*$", r"\1", upstream)
        refusal = re.sub(r"(?m)^((?:X-Request-Id|Date|Content-Length): .*|Connection: close)\r\n", "", refusal)
        return cls(upstream, re.sub(r'"request_id":"[^"]*"', "", refusal))


def head(target: str = "/closed/x", *authorization: str, method: str = "GET", fields: tuple[str, ...] = ()) -> bytes:
    """Return the head of a request with these Authorization fields, and some identity of the caller's own making."""
    own = (*(f"{name}: {value}" for name, value in SPOOFED.items()), *fields)
    shown = (f"Authorization: {value}" for value in authorization)
    lines = (f"{method} {target} HTTP/1.1", "Host: gateway.example", *own, *shown)
    return "\r\n".join(lines).encode("latin-1")


def shown(*tokens: str) -> Heads:
    """On each of the usual routes, each of `tokens`."""
    return [head(f"{prefix}/x", f"Bearer {token}") for prefix in PREFIXES for token in tokens]


def good() -> Heads:
    admin = f"Bearer {forged({}, without(scope='admin read', roles=['owner']))}"
    yield from shown(*(forged({}, without(sub=subject)) for subject in ("alice", "bob")))
    yield from (head(target) for target in ("/open/", "/open/a?b=c&b=%20", "/read/7", "/read/7?", "/nowhere", "/"))
    yield from (head("/read/7", method=method) for method in ("HEAD", "POST", "DELETE", "OPTIONS", "get"))
    yield from (head(target, admin) for target in ("/admin/x", "/roles", "/closed/x?page=1"))
    yield from (head(target, f"Bearer {forged({})}") for target in ("/admin/x", "/roles", *["/few"] * 4, "/ws"))
    yield from (
        head("/open/x", fields=fields) for fields in (("Accept: */*", "Cookie: a=b"), ("X-Forwarded-For: 1.1.1.1",))
    )
    yield head("/closed/x")
    yield b"GET /x HTTP/1.1\r\nHost: ONLY.example"
    yield b"GET http://only.example/x HTTP/1.1\r\nHost: only.example"


def tokens() -> Heads:
    payload = b64url(msgspec.json.encode(CLAIMS))
    for alg in ("none", "None", "NONE", "none ", "", None):  # T1
        yield from shown(f"{b64url(msgspec.json.encode(HEADER | {'alg': alg}))}.{payload}.", forged({"alg": alg}))
    secret = SigningKey("HS256", "RS256", msgspec.json.encode(key("RS256").jwk))
    yield from shown(*(secret.compact({"alg": alg, "kid": "RS256"}, CLAIMS) for alg in ("HS256", "RS256")))  # T3
    attacker = new_key("ES256", "theirs")
    for own in ({"jwk": attacker.jwk}, {"jku": "http://127.0.0.1:9/"}, {"x5u": "file:///etc/passwd"}):  # T4, T5
        yield from shown(attacker.compact({"alg": "ES256", "kid": "theirs", **own}, CLAIMS))
    extensions: list[Document] = [{"crit": ["x"], "x": 1}, {"crit": []}, {"crit": ["x"]}, {"b64": False}]
    yield from shown(*map(forged, extensions))  # T6, T7
    yield from shown(
        "e30.AAAA.AAAA.AAAA.AAAA", tampered(forged({})), forged({}) + "=", forged({})[:-1] + "?"
    )  # T9, T12
    for value in ("NaN", "Infinity", "1e309", '"9999999999"', "true", "null", "[]"):  # T14
        text = msgspec.json.encode(without("exp"))[:-1] + f',"exp":{value}}}'.encode()
        yield from shown(forged({}, text))
    now = int(NOW)
    claims: list[Document] = [
        {"exp": now - 29}, {"exp": now - 31}, {"nbf": now + 29}, {"nbf": now + 31}, {"iat": now + 29},
        {"iat": now + 31}, {"aud": ["x", AUDIENCE]}, {"aud": "x"}, {"aud": 1}, {"iss": "https://evil.example"},
        {"iss": [ISSUER]}, {"sub": None},
    ]  # fmt: skip
    yield from shown(*(forged({}, without(**changes)) for changes in claims), forged({}, without("exp")))  # T15 to T18
    whole = forged({})
    for first in (f"Bearer {whole}", "Bearer x", "Basic x", ""):  # T23
        yield from (head(f"{prefix}/x", first, f"Bearer {whole}") for prefix in PREFIXES)
    schemes = (
        "bearer {}",
        "BEARER {}",
        "Bearer",
        "Bearer ",
        "Bearer\t{}",
        "Bearer  {}",
        "Bearer{}",
        "{}",
        "",
        "Basic x",
    )
    yield from (head(f"{prefix}/x", value.format(whole)) for prefix in PREFIXES for value in schemes)  # T24
    yield from shown(forged(b'{"a":' * 500 + b"1" + b"}" * 500), forged({}, b"[" * 500))  # T28


def paths() -> Heads:
    targets = (
        "/open/../admin", "/open/..\\admin", "/open/%2e%2e/admin/x", "/open/./x", "/open%2f..%2fadmin",  # P1, P2
        "/%252e%252e/admin/x", "//admin/x", "/admin//x", "/ADMIN/x", "/admin/x;a=b", "/admin/x;", "/admin/%78",  # P3
        "/open/secret#/bar", "/.%00../", "/\x02", "/ /", "/%", "/%zz", "/open/\xe9", "/open/%C3%A9",  # P4, P6
        "/%c0%af", "*", "admin/x", "http://gateway.example/admin/x", "http://other.example/admin/x", "/../admin",  # P6
    )  # fmt: skip
    token = f"Bearer {forged({}, without(scope='admin'))}"
    yield from (head(target, *authorization) for target in targets for authorization in ((), (token,)))
    override = ("X-HTTP-Method-Override: GET",)
    yield from (head("/read/7", method=method, fields=override) for method in ("POST", "get", "OPTIONS"))  # P10, P12
    yield head("/open/" + "a" * 10_000)


def heads() -> Heads:
    """The heads of messages that no strict reader takes; empty lines before a head are no part of it."""
    found = (message.lstrip(b"\r\n").partition(END)[0] for messages in REFUSED.values() for message in messages)
    return [one for one in found if one]


@pytest.mark.parametrize("corpus", [good, tokens, paths, heads])
async def test_explain_tells_what_the_proxy_does(corpus: Callable[[], Heads], tmp_path: Path) -> None:
    async with recording_upstream() as upstream:
        configured = document(upstream.url, routes=[*ROUTES, *_MORE], limits=_LIMITS)
        config = Config.model_validate(configured)
        folders = tmp_path / "asked", tmp_path / "sent"
        for folder in folders:
            folder.mkdir()
        async with (
            running_gateway(configured, folders[0], wall=lambda: NOW) as asked,
            running_gateway(configured, folders[1], wall=lambda: NOW) as sent,
        ):
            allowed = 0
            for one in corpus():
                told = await explain(config, asked.gateway.door, Ask(one, "127.0.0.1"), NOW, 1000.0)
                assert upstream.requests == []
                async with http1.connect(sent.port) as client:
                    await client.send(one + END)
                    answer = await client.answer(head_only=one.startswith(b"HEAD "))
                received = [request.head.raw.decode("latin-1") for request in upstream.requests]
                upstream.requests.clear()
                expected = Outcome.of(told.upstream, told.answer)
                assert told.allowed is bool(received), one
                refusal = "" if received else (answer.head.raw + answer.body).decode("utf-8")
                kept = re.sub(r"(?m)^((?:Authorization|Cookie): ).*(?=\r$)", rf"\1{HIDDEN.decode()}", "".join(received))
                assert Outcome.of(kept, refusal) == expected, one
                allowed += told.allowed
            assert (allowed > 0) is (corpus is not heads)
