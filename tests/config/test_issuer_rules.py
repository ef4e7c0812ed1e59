from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.support.configuration import problems, read, sound, told
from tests.support.tokens import key

if TYPE_CHECKING:
    from pathlib import Path

STRONG = "2f1c8e0b97a64d35b1e07c5a9d8f3460"


def issuers(*sections: str) -> str:
    names = ", ".join(f"{name}: {{{section}}}" for name, section in zip("abc", sections, strict=False))
    return sound(issuers=f"{{{names}}}")


def one(keys: str, algorithms: str = "[RS256]", issuer: str = "https://a.example") -> str:
    return issuers(f"issuer: '{issuer}', audiences: [x], algorithms: {algorithms}, keys: {keys}")


@pytest.mark.parametrize(
    "text",
    [
        one("{discovery: true}"),
        one("{jwks_url: 'https://a.example/keys?tenant=1'}"),
        one("{jwks_url: 'http://127.0.0.1:9000/keys'}"),
        one("{jwks_url: 'http://keys.internal/', allow_insecure_http: true}"),
        one("{discovery: true}", issuer="http://localhost:9000"),
        one("{discovery: true, allow_insecure_http: true}", issuer="http://id.internal"),
        one(f"{{secret: {STRONG}}}", "[HS256]", "jobs"),
        one(f"{{secret: {STRONG * 2}}}", "[HS256, HS384, HS512]", "jobs"),
    ],
)
def test_sound(text: str) -> None:
    read(text)


@pytest.mark.parametrize("what", ["issuer", "audiences", "algorithms", "keys"])
def test_nothing_that_identifies_an_issuer_may_be_missing(what: str) -> None:
    fields = {"issuer": "a", "audiences": "[x]", "algorithms": "[RS256]", "keys": "{jwks_url: 'https://a.example'}"}
    text = issuers(", ".join(f"{field}: {value}" for field, value in fields.items() if field != what))
    assert told(text) == {f"issuers.a.{what}": "is missing"}


@pytest.mark.parametrize("algorithms", ["[none]", "[None]", "['none ']", "[RS256, none]", "[]", "[rs256]", "[RSA1_5]"])
def test_no_algorithm_but_the_known_ones(algorithms: str) -> None:
    (path,) = told(one("{discovery: true}", algorithms))
    assert path.startswith("issuers.a.algorithms")


@pytest.mark.parametrize(
    "text,path,message",
    [
        (one("{}"), "keys", "has no source of keys"),
        (one("{discovery: true, file: k}"), "keys", "has 2 sources of keys: discovery, file"),
        (one("{discovery: false}"), "keys", "has no source of keys"),
        (one(f"{{secret: {STRONG}}}", "[HS256, RS256]"), "algorithms", "mixes HS*"),
        (one("{discovery: true}", "[HS256]"), "algorithms", "needs keys: {secret: ...}"),
        (one(f"{{secret: {STRONG}}}"), "algorithms", "does not belong"),
        (one("{discovery: true}", "[RS256, RS256]"), "algorithms", "twice"),
        (one("{secret: 2f1c8e0b97a64d35b1e07c5a9d8f346}", "[HS256]"), "keys.secret", "shorter than the 32 bytes"),
        (one(f"{{secret: {STRONG}}}", "[HS384]"), "keys.secret", "shorter than the 48 bytes"),
        (one(f"{{secret: {STRONG}}}", "[HS256, HS512]"), "keys.secret", "shorter than the 64 bytes"),
        (one(f"{{secret: {'secret' * 8}}}", "[HS256]"), "keys.secret", "can be guessed"),
        (one("{jwks_url: 'http://a.example/keys'}"), "keys.jwks_url", "plain HTTP"),
        (one("{jwks_url: 'http://127.0.0.1.example.com/'}"), "keys.jwks_url", "plain HTTP"),
        (one("{discovery: true}", issuer="http://a.example"), "issuer", "plain HTTP"),
        (one("{discovery: true}", issuer="a.example"), "issuer", "is no URL"),
        (one("{discovery: true}", issuer="https://a.example?x"), "issuer", "is no URL"),
        (one("{inline: {keys: []}}"), "keys.inline", "no usable key"),
        (one("{inline: {}}"), "keys.inline", "no array of keys"),
        (one("{inline: {keys: [{kty: oct, k: c2VjcmV0}]}}"), "keys.inline", "no usable key"),
    ],
)
def test_refused(text: str, path: str, message: str) -> None:
    (problem,) = problems(text)
    assert problem.path == f"issuers.a.{path}"
    assert message in problem.message


def _json(document: object) -> bytes:
    return msgspec.json.encode(document)


PUBLIC = key("ES256").jwk
PRIVATE = {**PUBLIC, "kid": "2", "d": "AA"}
PEM = b"-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"


def test_a_file_with_a_key_is_sound_whatever_else_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "k.json").write_bytes(_json({"keys": [PUBLIC, {"kty": "RSA", "kid": "of another use"}]}))
    read(one("{file: k.json}", "[ES256]", issuer="http://id.internal"), folder=tmp_path)


@pytest.mark.parametrize(
    "content,message,hint",
    [
        (None, "cannot be read: No such file or directory", "relative paths begin"),
        (PEM, "is not a usable JWKS: the key set is PEM", "ostiary token jwks"),
        (_json(PUBLIC), "is not a usable JWKS: the key set is a single key", 'put it in {"keys": [...]}'),
        (_json(PRIVATE), "is not a usable JWKS: the key set is a private key", "public keys only"),
        (_json({"keys": [PRIVATE]}), "secret key material is published", "public keys only"),
        (_json({"keys": [PUBLIC, PRIVATE]}), "has private keys: entry 1", "public keys only"),
        (_json({"keys": []}), "is not a usable JWKS: the key set holds no usable key", ""),
        (_json({"keys": [key("RS256").jwk]}), "entry 0: for none of the configured algorithms", ""),
        (b"keys: []", "is not a usable JWKS: the key set is not a JSON object", ""),
        (b"{}" * 600_000, "is larger than 524288 bytes", ""),
    ],
)
def test_a_file_without_a_usable_key_is_refused(tmp_path: Path, content: bytes | None, message: str, hint: str) -> None:
    """A gateway that started with it would never be ready."""
    if content is not None:
        (tmp_path / "k.json").write_bytes(content)
    (problem,) = problems(one("{file: k.json}", "[ES256]"), folder=tmp_path)
    assert problem.path == "issuers.a.keys.file"
    assert message in problem.message
    assert problem.message.endswith(f": {tmp_path}/k.json")
    assert hint in problem.hint


def test_a_folder_is_no_file_of_keys(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (problem,) = problems(one("{file: keys}"), folder=tmp_path)
    assert problem.message == f"cannot be read: Is a directory: {tmp_path}/keys"


def test_a_private_key_in_the_configuration_is_refused() -> None:
    public = key("ES256").jwk
    document = msgspec.json.encode({"keys": [public, {**public, "kid": "2", "d": "AA"}]}).decode()
    (problem,) = problems(one(f"{{inline: {document}}}", "[ES256]"))
    assert "secret key material is published" in problem.message


def test_one_issuer_has_one_entry() -> None:
    section = "issuer: https://a.example, audiences: [x], algorithms: [RS256], keys: {discovery: true}"
    assert told(issuers(section, section.replace("[x]", "[y]"))) == {"issuers.b.issuer": "is the same as that of a"}


def test_an_audience_is_no_wildcard() -> None:
    text = issuers("issuer: https://a.example, audiences: ['*'], algorithms: [RS256], keys: {discovery: true}")
    assert told(text) == {"issuers.a.audiences": "has a *, which is no wildcard"}


def test_a_broken_source_is_not_also_a_missing_one() -> None:
    assert set(told(one("{jwks_url: nonsense}"))) == {"issuers.a.keys.jwks_url"}
