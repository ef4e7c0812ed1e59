"""The rows of ../shared/cases/attacks.tsv on signed tokens and key sets, by their ids, with keys from a real server."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from contextlib import asynccontextmanager
from math import inf
from typing import TYPE_CHECKING

import msgspec
import pytest

from ostiary.config.model import Keys
from ostiary.credentials.bearer import bearer
from ostiary.decision.outcome import Refusal
from ostiary.decision.reason import INVALID_CLAIMS, INVALID_TOKEN, TOKEN_EXPIRED, TOKEN_NOT_ACTIVE, UNKNOWN_SIGNING_KEY
from ostiary.jose.configured import key_source
from ostiary.jose.verify import TokenVerifier, VerifiedToken
from tests.support.issuers import WALL, issuer
from tests.support.key_server import KeyServer, flood, key_server, reply
from tests.support.tokens import AUDIENCE, ISSUER, SigningKey, b64url, jwks, key, new_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from ostiary.decision.reason import Reason
    from ostiary.jose.source import KeyEvent, KeyStatus
    from tests.support.key_server import Answer

_NOW = int(WALL)
_CLAIMS: dict[str, object] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": _NOW + 300}


class Gatekeeper:
    """A verifier whose one issuer publishes its keys at `server`."""

    def __init__(self, server: KeyServer, *algorithms: str) -> None:
        self.server = server
        self.events: list[KeyEvent] = []
        one = issuer(algorithms=algorithms, keys=Keys(jwks_url=server.url(), max_bytes=100_000))
        self.source = key_source("one", one, self.events.append)
        self._verifier = TokenVerifier({"one": one}, {"one": self.source})

    async def outcome(self, token: str | bytes) -> Reason | None:
        """Return why `token` is refused, None if it is accepted."""
        text = token.encode() if isinstance(token, str) else token
        found = await self._verifier.verify(text, frozenset({"one"}), WALL, time.monotonic())
        if isinstance(found, Refusal):
            assert found.reason.status == 401
            assert "canary" not in found.detail
            return found.reason
        assert isinstance(found, VerifiedToken)
        return None

    def status(self) -> KeyStatus:
        return self.source.status(time.monotonic())


@asynccontextmanager
async def gatekeeper(document: object, algorithms: Iterable[str] = ("ES256", "RS256")) -> AsyncIterator[Gatekeeper]:
    async with key_server() as server:
        server.answers["/jwks"] = reply(document)
        keeper = Gatekeeper(server, *algorithms)
        await keeper.source.start()
        try:
            yield keeper
        finally:
            await keeper.source.close()


def _jwk(signer: SigningKey, **changes: object) -> dict[str, object]:
    return {name: value for name, value in {**signer.jwk, **changes}.items() if value is not None}


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "none ", "nOnE", "", "\u0000none"])
async def test_t1_a_token_without_a_signature(alg: str) -> None:
    async with gatekeeper(jwks(key("RS256"))) as keeper:
        header = b64url(msgspec.json.encode({"alg": alg, "kid": "RS256"}))
        unsigned = f"{header}.{b64url(msgspec.json.encode(_CLAIMS))}."
        assert await keeper.outcome(unsigned) == INVALID_TOKEN
        signed = key("RS256").compact({"alg": alg, "kid": "RS256"}, _CLAIMS)
        assert await keeper.outcome(signed) == INVALID_TOKEN


async def test_t3_a_public_key_as_a_secret() -> None:
    public = key("RS256").jwk
    texts = [json.dumps(public), msgspec.json.encode(public).decode(), public["n"]]
    async with gatekeeper(jwks(key("RS256"))) as keeper:
        for text in texts:
            for alg in ("HS256", "HS512", "RS256"):
                forged = SigningKey("HS256", "RS256", text.encode()).compact({"alg": alg, "kid": "RS256"}, _CLAIMS)
                assert await keeper.outcome(forged) == INVALID_TOKEN


async def test_t4_a_key_that_the_token_brings_itself() -> None:
    attacker = new_key("ES256", "ES256")
    async with gatekeeper(jwks(key("ES256"))) as keeper:
        for kid in ({"kid": "ES256"}, {}):
            forged = attacker.compact({"alg": "ES256", "jwk": attacker.jwk, **kid}, _CLAIMS)
            assert await keeper.outcome(forged) == INVALID_TOKEN


@pytest.mark.parametrize("member", ["jku", "x5u"])
@pytest.mark.parametrize("address", ["ATTACKER", "file:///etc/passwd", "data:application/json,{}"])
async def test_t5_an_address_that_the_token_brings_itself(member: str, address: str) -> None:
    attacker = new_key("ES256", "theirs")
    async with gatekeeper(jwks(key("ES256"))) as keeper, key_server() as theirs:
        theirs.answers["/jwks"] = reply(jwks(attacker))
        forged = attacker.compact(
            {"alg": "ES256", "kid": "theirs", member: address.replace("ATTACKER", theirs.url())}, _CLAIMS
        )
        assert await keeper.outcome(forged) == UNKNOWN_SIGNING_KEY
        assert theirs.seen == []
        assert set(keeper.server.seen) == {"/jwks"}


@pytest.mark.parametrize(
    "more",
    [
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"crit": ["x"]},
        {"crit": "exp"},
        {"b64": False},
        {"b64": False, "crit": ["b64"]},
    ],
)
async def test_t6_t7_extensions(more: dict[str, object]) -> None:
    async with gatekeeper(jwks(key("ES256"))) as keeper:
        assert (
            await keeper.outcome(key("ES256").compact({"alg": "ES256", "kid": "ES256", **more}, _CLAIMS))
            == INVALID_TOKEN
        )


async def test_t7_a_payload_that_is_not_there_or_too_large() -> None:
    async with gatekeeper(jwks(key("ES256"))) as keeper:
        whole = key("ES256").compact({"alg": "ES256"}, _CLAIMS)
        header, _, signature = whole.split(".")
        assert await keeper.outcome(f"{header}..{signature}") == INVALID_TOKEN
        large = b".".join([header.encode(), b"A" * 8_000_000, signature.encode()])
        spent = [inf, inf]
        for _ in range(5):
            begun = time.thread_time()
            assert await keeper.outcome(large) == INVALID_TOKEN
            refused = time.thread_time()
            hashlib.sha256(large)
            spent = [min(spent[0], refused - begun), min(spent[1], time.thread_time() - refused)]
        assert spent[0] < spent[1], "it costs less than hashing alone would"


@pytest.mark.parametrize("alg, size", [("ES256", 32), ("ES384", 48), ("ES512", 66)])
async def test_t10_ecdsa_signatures_of_other_shapes(alg: str, size: int) -> None:
    async with gatekeeper(jwks(key(alg)), [alg]) as keeper:
        token = key(alg).compact({"alg": alg, "kid": alg}, _CLAIMS)
        signed = token.rpartition(".")[0]
        good = key(alg).signature(signed.encode())
        r, s, zero = good[:size], good[size:], bytes(size)
        der = b"\x30" + bytes([2 * size + 4]) + b"\x02" + bytes([size]) + r + b"\x02" + bytes([size]) + s
        assert await keeper.outcome(f"{signed}.{b64url(good)}") is None
        for bad in (b"", good[:-1], good + b"\0", b"\0" + good, der, zero + s, r + zero, zero + zero, s + r):
            assert await keeper.outcome(f"{signed}.{b64url(bad)}") == INVALID_TOKEN


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"use": "enc"}, UNKNOWN_SIGNING_KEY),
        ({"use": None, "key_ops": ["encrypt"]}, UNKNOWN_SIGNING_KEY),
        ({"use": None, "key_ops": []}, UNKNOWN_SIGNING_KEY),
        ({"alg": "RS512"}, UNKNOWN_SIGNING_KEY),
        ({"alg": "PS256"}, UNKNOWN_SIGNING_KEY),
        ({"alg": "RSA-OAEP"}, UNKNOWN_SIGNING_KEY),
        ({"use": None, "key_ops": ["verify"]}, None),
    ],
)
async def test_t11_a_key_that_is_not_for_this(changes: dict[str, object], expected: Reason | None) -> None:
    algorithms = ["ES256", "RS256", "RS512", "PS256"]
    async with gatekeeper({"keys": [_jwk(key("RS256"), **changes), key("ES256").jwk]}, algorithms) as keeper:
        assert await keeper.outcome(key("RS256").compact({"alg": "RS256", "kid": "RS256"}, _CLAIMS)) == expected


@pytest.mark.parametrize("foreign", ["=", " ", "?", "\n", "\t", "\0", "+", "/", "\u00e9", "%"])
async def test_t12_foreign_characters_in_every_segment(foreign: str) -> None:
    async with gatekeeper(jwks(key("ES256"))) as keeper:
        segments = key("ES256").compact({"alg": "ES256", "kid": "ES256"}, _CLAIMS).split(".")
        for number, segment in enumerate(segments):
            for place in (0, 4, len(segment)):
                bad = [*segments]
                bad[number] = segment[:place] + foreign + segment[place:]
                assert await keeper.outcome(".".join(bad)) == INVALID_TOKEN


async def test_t12_bits_that_no_octet_uses() -> None:
    """An ES256 signature is 64 octets in 86 characters: the last one has four bits of no use."""
    async with gatekeeper(jwks(key("ES256"))) as keeper:
        token = key("ES256").compact({"alg": "ES256", "kid": "ES256"}, _CLAIMS)
        accepted = [last for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                    if await keeper.outcome(token[:-1] + last) is None]  # fmt: skip
        assert accepted == [token[-1]]


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e309", "2.001e206", '"9999999999"', "true", "null", "[]", "9" * 5000]
)
async def test_t14_dates_that_are_none(name: str, value: str) -> None:
    rest = {other: claim for other, claim in _CLAIMS.items() if other != name}
    payload = msgspec.json.encode(rest)[:-1] + f',"{name}":{value}}}'.encode()
    async with gatekeeper(jwks(key("ES256"))) as keeper:
        outcome = await keeper.outcome(key("ES256").compact({"alg": "ES256", "kid": "ES256"}, payload))
        assert outcome in (INVALID_TOKEN, INVALID_CLAIMS)


@pytest.mark.parametrize(
    "changes, expected",
    [
        pytest.param({"exp": None}, INVALID_CLAIMS, id="t15"),
        pytest.param({"exp": _NOW - 29}, None, id="t16-exp-inside"),
        pytest.param({"exp": _NOW - 31}, TOKEN_EXPIRED, id="t16-exp-outside"),
        pytest.param({"nbf": _NOW + 29}, None, id="t16-nbf-inside"),
        pytest.param({"nbf": _NOW + 31}, TOKEN_NOT_ACTIVE, id="t16-nbf-outside"),
        pytest.param({"iat": _NOW + 29}, None, id="t16-iat-inside"),
        pytest.param({"iat": _NOW + 31}, INVALID_CLAIMS, id="t16-iat-outside"),
        pytest.param({"aud": "other"}, INVALID_CLAIMS, id="t18-wrong"),
        pytest.param({"aud": 1}, INVALID_CLAIMS, id="t18-int"),
        pytest.param({"aud": None}, INVALID_CLAIMS, id="t18-missing"),
        pytest.param({"aud": ["other", AUDIENCE]}, None, id="t18-list"),
    ],
)
async def test_t15_t16_t18_claims(changes: dict[str, object], expected: Reason | None) -> None:
    claims = {name: value for name, value in {**_CLAIMS, **changes}.items() if value is not None}
    async with gatekeeper(jwks(key("ES256"))) as keeper:
        assert await keeper.outcome(key("ES256").compact({"alg": "ES256", "kid": "ES256"}, claims)) == expected


@pytest.mark.parametrize(
    "prefix, accepted",
    [("Bearer ", 1), ("bearer ", 1), ("BEARER ", 1), ("Bearer\t", 0), ("Bearer  ", 0), ("Bearer", 0)],
)
async def test_t24_ways_to_show_a_token(prefix: str, accepted: int) -> None:
    """A header of the right scheme is a token or a refusal, never nothing: nothing would be an anonymous caller."""
    async with gatekeeper(jwks(key("ES256"))) as keeper:
        value = prefix + key("ES256").compact({"alg": "ES256", "kid": "ES256"}, _CLAIMS)
        taken = bearer((value.encode(),))
        if isinstance(taken, bytes):
            assert (await keeper.outcome(taken) is None) is bool(accepted)
        else:
            assert not accepted
            assert isinstance(taken, Refusal) or prefix == "Bearer"  # "Bearerxyz" is another scheme


@pytest.mark.parametrize("part", [b'{"a":' * 2500 + b"1" + b"}" * 2500, b"[" * 2500, b'{"a":' + b"9" * 5000 + b"}"])
async def test_t28_nesting_and_numbers_without_end(part: bytes) -> None:
    async with gatekeeper(jwks(key("ES256"))) as keeper:
        for header, payload in ((part, _CLAIMS), ({"alg": "ES256"}, part)):
            assert await keeper.outcome(key("ES256").compact(header, payload)) == INVALID_TOKEN


async def test_k2_a_malformed_key_among_good_ones() -> None:
    bad: list[object] = [
        {},
        [],
        None,
        7,
        {"kty": "RSA", "n": "!", "e": "AQAB"},
        {"kty": ["RSA"]},
        {"kty": "EC", "crv": {}},
    ]
    async with gatekeeper({"keys": [*bad, key("ES256").jwk]}) as keeper:
        assert await keeper.outcome(key("ES256").compact({"alg": "ES256", "kid": "ES256"}, _CLAIMS)) is None


async def test_k3_two_keys_of_one_name() -> None:
    ec, rsa, other = new_key("ES256", "same"), new_key("RS256", "same"), new_key("ES256", "same")
    async with gatekeeper(jwks(ec, rsa)) as keeper:
        for signer in (ec, rsa):
            assert await keeper.outcome(signer.compact({"alg": signer.alg, "kid": "same"}, _CLAIMS)) is None
    async with gatekeeper(jwks(ec, rsa, other)) as keeper:
        for signer in (ec, other):
            assert await keeper.outcome(signer.compact({"alg": "ES256", "kid": "same"}, _CLAIMS)) == UNKNOWN_SIGNING_KEY
        assert await keeper.outcome(rsa.compact({"alg": "RS256", "kid": "same"}, _CLAIMS)) is None


async def test_k4_secrets_in_a_published_set() -> None:
    leaked = [key("HS256").jwk, {**key("RS256").jwk, "d": "canary"}]
    async with gatekeeper({"keys": [*leaked, key("ES256").jwk]}) as keeper:
        assert await keeper.outcome(key("ES256").compact({"alg": "ES256", "kid": "ES256"}, _CLAIMS)) is None
        for alg, reason in (("HS256", INVALID_TOKEN), ("RS256", UNKNOWN_SIGNING_KEY)):
            assert await keeper.outcome(key(alg).compact({"alg": alg, "kid": alg}, _CLAIMS)) == reason
        alerts = [event for event in keeper.events if event.kind == "keys_ignored"]
        assert len(alerts) == 1
        assert alerts[0].detail.count("secret key material is published") == 2
        assert "canary" not in str(keeper.events)


@pytest.mark.parametrize(
    "weak",
    [
        _jwk(key("RS256"), kid="weak", e="AQ"),
        _jwk(key("RS256"), kid="weak", n=b64url(b"\x80" + bytes(126) + b"\1")),
        _jwk(key("ES256"), kid="weak", y=b64url(bytes(31) + b"\1")),
        _jwk(key("ES256"), kid="weak", crv="P-384"),
        _jwk(key("ES256"), kid="weak", kty="RSA"),
        _jwk(key("RS256"), kid="weak", kty="EC"),
    ],
)
async def test_k5_weak_and_contradictory_keys(weak: dict[str, object]) -> None:
    async with gatekeeper({"keys": [weak, key("ES256").jwk]}) as keeper:
        for alg in ("RS256", "ES256"):
            assert await keeper.outcome(key(alg).compact({"alg": alg, "kid": "weak"}, _CLAIMS)) == UNKNOWN_SIGNING_KEY
        assert keeper.status().keys == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(b" " * 10_000_000), id="10 MB"),
        pytest.param(flood, id="no end"),
        pytest.param(reply(gzip.compress(bytes(100_000_000)), Content_Encoding="gzip"), id="gzip bomb"),
        pytest.param(reply({"keys": [{}] * 10_000}), id="10,000 keys"),
    ],
)
async def test_k6_too_much(answer: Answer) -> None:
    async with gatekeeper(jwks(key("ES256"))) as keeper:
        token = key("ES256").compact({"alg": "ES256", "kid": "ES256"}, _CLAIMS)
        assert await keeper.outcome(token) is None
        keeper.server.answers["/jwks"] = answer
        assert (
            await keeper.outcome(new_key("ES256").compact({"alg": "ES256", "kid": "x"}, _CLAIMS)) == UNKNOWN_SIGNING_KEY
        )
        assert keeper.status().failures == 1
        assert await keeper.outcome(token) is None


@pytest.mark.parametrize(
    "kid", ["../../x", "' OR 1=1 --", "a\r\nSet-Cookie: x", "\0", "", "k" * 1_000_000, 5, None, ["ES256"], {}]
)
async def test_k8_names_that_are_not_names(kid: object) -> None:
    async with gatekeeper(jwks(key("ES256"))) as keeper:
        outcome = await keeper.outcome(key("ES256").compact({"alg": "ES256", "kid": kid}, _CLAIMS))
        assert outcome in (UNKNOWN_SIGNING_KEY, INVALID_TOKEN)
        assert set(keeper.server.seen) <= {"/jwks"}


async def test_k9_one_name_at_two_issuers() -> None:
    mine, theirs = new_key("ES256", "same"), new_key("ES256", "same")
    async with key_server() as server:
        server.answers.update({"/mine": reply(jwks(mine)), "/theirs": reply(jwks(theirs))})
        both = {
            name: issuer(issuer=f"https://{name}.example", keys=Keys(jwks_url=server.url(f"/{name}")))
            for name in ("mine", "theirs")
        }
        sources = {name: key_source(name, one) for name, one in both.items()}
        verifier = TokenVerifier(both, sources)
        for signer, name, good in ((mine, "mine", 1), (theirs, "theirs", 1), (mine, "theirs", 0), (theirs, "mine", 0)):
            token = signer.compact({"alg": "ES256", "kid": "same"}, {**_CLAIMS, "iss": f"https://{name}.example"})
            found = await verifier.verify(token.encode(), frozenset(both), WALL, time.monotonic())
            assert isinstance(found, VerifiedToken) is bool(good)
        for source in sources.values():
            await source.close()
