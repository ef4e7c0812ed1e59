"""The token rows of ../shared/cases/attacks.tsv, by their ids, against a whole gateway over HTTP.

The upstream is the oracle: of what is refused it saw nothing, and of what is allowed exactly what was decided. The rows
on key sets, and more depth without a wire between, are in `test_token_attacks`.
"""

from __future__ import annotations

import string
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.documents import issuer
from tests.support.gate import CLAIMS, HEADER, PREFIXES, forged, gate, without
from tests.support.key_server import key_server, reply
from tests.support.tokens import AUDIENCE, ISSUER, SigningKey, b64url, jwks, key, new_key, tampered

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.documents import Document


async def test_a_good_token_passes_and_a_tampered_one_does_not(tmp_path: Path) -> None:
    async with gate(tmp_path) as one:
        for alg in ("ES256", "RS256", "EdDSA"):
            await one.accepted(f"Bearer {key(alg).token()}")
            await one.refused(f"Bearer {tampered(key(alg).token())}")


async def test_t1_no_signature(tmp_path: Path) -> None:
    async with gate(tmp_path) as one:
        payload = b64url(msgspec.json.encode(CLAIMS))
        for alg in ("none", "None", "NONE", "none ", "nOnE", "", None):
            header = b64url(msgspec.json.encode(HEADER | {"alg": alg}))
            await one.refused_tokens([f"{header}.{payload}.", f"{header}.{payload}", forged({"alg": alg})])


async def test_t3_a_public_key_as_a_secret(tmp_path: Path) -> None:
    async with gate(tmp_path) as one:
        public = key("RS256").jwk
        for secret in (msgspec.json.encode(public), public["n"].encode()):
            forger = SigningKey("HS256", "RS256", secret)
            await one.refused_tokens(forger.compact({"alg": alg, "kid": "RS256"}, CLAIMS) for alg in ("HS256", "RS256"))


async def test_t4_t5_a_key_that_the_token_brings(tmp_path: Path) -> None:
    attacker = new_key("ES256", "theirs")
    async with gate(tmp_path) as one, key_server() as theirs:
        theirs.answers["/jwks"] = reply(jwks(attacker))
        await one.refused_tokens([attacker.compact({"alg": "ES256", "kid": "ES256", "jwk": attacker.jwk}, CLAIMS)])
        for member in ("jku", "x5u"):
            for address in (theirs.url(), "file:///etc/passwd", "data:application/json,{}"):
                token = attacker.compact({"alg": "ES256", "kid": "theirs", member: address}, CLAIMS)
                await one.refused_tokens([token], "unknown_signing_key")
        assert theirs.seen == []


async def test_t6_t7_extensions(tmp_path: Path) -> None:
    extensions: list[Document] = [
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"crit": ["x"]},
        {"b64": False},
        {"b64": False, "crit": ["b64"]},
    ]
    async with gate(tmp_path) as one:
        await one.refused_tokens(forged(extension) for extension in extensions)
        head, _, signature = forged({}).split(".")
        await one.refused_tokens([f"{head}..{signature}"])
        detached = f"Bearer {head}.{'A' * 500_000}.{signature}"
        await one.refused(detached, error="headers_too_large", status=431)


async def test_t9_t25_t26_t27_nothing_encrypted_is_opened(tmp_path: Path) -> None:
    """None is decrypted, inflated or derived a key for, and of all the same is told."""
    kinds: list[Document] = [
        {"alg": "RSA-OAEP-256", "enc": "A256GCM", "cty": "JWT"},
        {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
        {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2s": "c2FsdA", "p2c": 2147483647},
        {"alg": "RSA1_5", "enc": "A128CBC-HS256", "kid": "RS256"},
    ]
    details = set()
    async with gate(tmp_path) as one:
        for kind in kinds:
            for ending in ("AAAA.AAAA.AAAA.AAAA", "AAAB.AAAA.AAAA.AAAB"):
                token = f"{b64url(msgspec.json.encode(kind))}.{ending}"
                await one.refused_tokens([token])
                details.add(str((await one.ask("/closed/x", f"Bearer {token}")).json["detail"]))
        inner = forged({"alg": "none"})
        await one.refused_tokens([forged({"cty": "JWT"}, inner.encode())])
    assert len(details) == 1


async def test_t10_signatures_of_other_shapes(tmp_path: Path) -> None:
    async with gate(tmp_path) as one:
        signed, _, _ = forged({}).rpartition(".")
        good = key("ES256").signature(signed.encode())
        r, s, zero = good[:32], good[32:], bytes(32)
        der = b"\x30\x44\x02\x20" + r + b"\x02\x20" + s
        bad = (b"", good[:-1], good + b"\0", der, zero + s, r + zero, zero + zero, s + r)
        await one.refused_tokens(f"{signed}.{b64url(each)}" for each in bad)
        await one.accepted(f"Bearer {signed}.{b64url(good)}")


@pytest.mark.parametrize("changes", [{"use": "enc"}, {"key_ops": ["encrypt"]}, {"alg": "RS512"}])
async def test_t11_a_key_that_is_for_something_else(tmp_path: Path, changes: Document) -> None:
    published = {name: value for name, value in key("RS256").jwk.items() if name != "use" or "use" in changes}
    keys = {"inline": {"keys": [published | changes, key("ES256").jwk]}}
    others = issuer(algorithms=["ES256", "RS256", "RS512"], keys=keys)
    async with gate(tmp_path, issuers={"tests": others}) as one:
        await one.accepted(f"Bearer {key('ES256').token()}")
        await one.refused_tokens([key("RS256").token()], "unknown_signing_key")


async def test_t12_characters_that_do_not_belong(tmp_path: Path) -> None:
    async with gate(tmp_path) as one:
        whole = forged({})
        dots = [-1, *(place for place, character in enumerate(whole) if character == "."), len(whole)]
        places = {place for start, end in pairwise(dots) for place in (start + 1, (start + end) // 2, end)}
        for foreign in ("=", " ", "?", "\t", "+", "/", "%", "\xe9", ".", ","):
            changed = (whole[:place] + foreign + whole[place:] for place in sorted(places))
            # Before the token and behind it, white space is HTTP's: what is left is judged by T24, or the token itself.
            await one.refused_tokens(token for token in changed if token.strip(" \t") == token)
        base64url = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
        await one.refused_tokens(whole[:-1] + last for last in base64url if last != whole[-1])
        await one.accepted(f"Bearer {whole}")


async def test_t14_t15_dates_that_are_none(tmp_path: Path) -> None:
    values = ("NaN", "Infinity", "1e309", "2.001e206", '"9999999999"', "true", "null", "[]", "9" * 5000)
    async with gate(tmp_path) as one:
        for value in values:
            payload = msgspec.json.encode(without("exp"))[:-1] + f',"exp":{value}}}'.encode()
            for prefix in PREFIXES:
                answer = await one.ask(f"{prefix}/x", f"Bearer {forged({}, payload)}")
                assert answer.json["error"] in {"invalid_token", "invalid_claims"}
        await one.refused_tokens([forged({}, without("exp"))], "invalid_claims")
        assert one.upstream.requests == []


async def test_t16_t18_claims(tmp_path: Path) -> None:
    now = 1_800_000_000
    async with gate(tmp_path, wall=lambda: float(now)) as one:
        inside: list[Document] = [{"exp": now - 29}, {"nbf": now + 29}, {"iat": now + 29}, {"aud": ["x", AUDIENCE]}]
        for changes in inside:
            await one.accepted(f"Bearer {forged({}, without(**changes))}")
        outside: list[tuple[Document, str]] = [
            ({"exp": now - 31}, "token_expired"),
            ({"nbf": now + 31}, "token_not_active"),
            ({"iat": now + 31}, "invalid_claims"),
            ({"aud": "other"}, "invalid_claims"),
            ({"aud": 1}, "invalid_claims"),
            ({"aud": None}, "invalid_claims"),
            ({"aud": []}, "invalid_claims"),
            ({"iss": "https://evil.example"}, "invalid_claims"),
            ({"iss": [ISSUER]}, "invalid_claims"),
            ({"sub": None}, "invalid_claims"),
        ]
        for changes, error in outside:
            await one.refused_tokens([forged({}, without(**changes))], error)


async def test_t23_t24_ways_to_show_a_token(tmp_path: Path) -> None:
    async with gate(tmp_path) as one:
        token = forged({})
        for scheme in ("Bearer", "bearer", "BEARER", "bEaReR"):
            await one.accepted(f"{scheme} {token}")
        malformed = [
            "Bearer",
            "Bearer ",
            f"Bearer\t{token}",
            f"Bearer  {token}",
            f"Bearer{token}",
            token,
            "",
            "Basic x",
        ]
        for value in (*malformed, f"Bearer {token} x", f"Bearer {token}, Bearer {token}", f'Bearer "{token}"'):
            await one.refused(value)
        for other in (f"Bearer {token}", "Bearer x", "Basic x", ""):
            await one.refused(f"Bearer {token}", other, error="ambiguous_credentials", status=400)
            await one.refused(other, f"Bearer {token}", error="ambiguous_credentials", status=400)


async def test_t28_nesting_and_numbers_without_end(tmp_path: Path) -> None:
    endless = (b'{"a":' * 2500 + b"1" + b"}" * 2500, b"[" * 2500, b'{"a":' + b"9" * 5000 + b"}")
    server = {"listen": "127.0.0.1:0", "bounds": {"header_bytes": "64KiB"}}
    async with gate(tmp_path, server=server) as one:
        await one.refused_tokens([forged(part) for part in endless] + [forged({}, part) for part in endless])
        assert not any(one.running.metrics.snapshot().values["ostiary_bugs_total"].values())


async def test_k9_one_key_name_at_two_issuers(tmp_path: Path) -> None:
    mine, theirs = new_key("ES256", "same"), new_key("ES256", "same")
    issuers = {"mine": issuer(mine), "theirs": issuer(theirs, issuer="https://theirs.example")}
    async with gate(tmp_path, issuers=issuers) as one:
        await one.accepted(f"Bearer {mine.token()}")
        await one.refused_tokens([theirs.token(), mine.token(None, iss="https://theirs.example")])
        assert (await one.ask("/closed/x", f"Bearer {theirs.token(None, iss='https://theirs.example')}")).status == 200
        assert one.upstream.requests[-1].values("x-token-issuer") == ["https://theirs.example"]
