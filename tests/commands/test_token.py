from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import jwt
import msgspec
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from ostiary.commands.token import command

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: object, stdin: str = "") -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=stdin)


def test_keys_and_a_token_that_they_verify(tmp_path: Path) -> None:
    made = run("keys", "--alg", "ES256", "--kid", "k1", "--out", tmp_path / "new")
    assert made.exit_code == 0, made.output
    private, public = (tmp_path / "new" / name for name in ("private.jwk", "jwks.json"))
    assert made.output.split() == [str(private), str(public)]
    assert stat.S_IMODE(private.stat().st_mode) == 0o600

    minted = run(
        *("mint", "--key", private, "--iss", "https://i", "--sub", "bob", "--aud", "a", "--aud", "b"),
        *("--scope", "r w", "--scope", "x", "--claim", "n=5", "--claim", "s=a=b", "--claim", 'roles=["one"]'),
        *("--not-before", "-1m"),
    )
    assert minted.exit_code == 0, minted.output
    token = minted.output.strip()
    key = jwt.PyJWKSet.from_dict(msgspec.json.decode(public.read_bytes()))["k1"]
    claims = jwt.decode(token, key, algorithms=["ES256"], audience="b", issuer="https://i")
    assert (claims["sub"], claims["scope"], claims["n"], claims["s"], claims["roles"]) == (
        "bob",
        "r w x",
        5,
        "a=b",
        ["one"],
    )
    assert claims["exp"] - claims["iat"] == 300
    assert claims["iat"] - claims["nbf"] == 60
    assert claims["jti"]


@pytest.mark.parametrize("form", ["--pem", "jwk", "public"])
def test_the_public_half_of_a_key_is_published_as_a_set(tmp_path: Path, form: str) -> None:
    run("keys", "--alg", "ES256", *(("--pem",) if form != "jwk" else ()), "--out", tmp_path)
    file = tmp_path / ("private.jwk" if form == "jwk" else "private.pem")
    if form == "public":
        key = load_pem_private_key(file.read_bytes(), None).public_key()
        file.write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    printed = run("jwks", "--key", file, *(() if form == "jwk" else ("--alg", "ES256")))
    assert printed.exit_code == 0, printed.output
    assert printed.output == (tmp_path / "jwks.json").read_text()


def test_a_shared_secret_is_not_published(tmp_path: Path) -> None:
    run("keys", "--alg", "HS256", "--out", tmp_path)
    refused = run("jwks", "--key", tmp_path / "private.jwk")
    assert (refused.exit_code, "has no public key" in refused.output) == (2, True)


def test_one_audience_is_a_string_and_what_is_not_said_is_left_out(tmp_path: Path) -> None:
    run("keys", "--alg", "EdDSA", "--out", tmp_path)
    token = run("mint", "--key", tmp_path / "private.jwk", "--aud", "a").output.strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["aud"] == "a"
    assert claims.keys() == {"aud", "iat", "exp", "jti"}


def test_a_token_can_be_made_that_has_expired(tmp_path: Path) -> None:
    run("keys", "--alg", "ES256", "--pem", "--out", tmp_path)
    token = run("mint", "--key", tmp_path / "private.pem", "--alg", "ES256", "--expires", "-5m").output.strip()
    jwks = jwt.PyJWKSet.from_dict(msgspec.json.decode((tmp_path / "jwks.json").read_bytes()))
    with pytest.raises(jwt.ExpiredSignatureError):
        jwt.decode(token, jwks.keys[0], algorithms=["ES256"])


def test_a_shared_key_comes_with_its_secret_and_no_jwks(tmp_path: Path) -> None:
    assert run("keys", "--alg", "HS256", "--out", tmp_path).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"private.jwk", "secret.txt"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())
    token = run("mint", "--key", tmp_path / "private.jwk", "--sub", "bob").output.strip()
    assert jwt.decode(token, (tmp_path / "secret.txt").read_bytes(), algorithms=["HS256"])["sub"] == "bob"


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "private.jwk").write_text("precious")
    result = run("keys", "--alg", "ES256", "--out", tmp_path)
    assert (result.exit_code, "File exists" in result.output) == (1, True)
    assert (tmp_path / "private.jwk").read_text() == "precious"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("keys", "--alg", "none", "--out", "x"), "cannot sign with none"),
        (("keys", "--alg", "HS256", "--pem", "--out", "x"), "no PEM form"),
        (("mint", "--key", "absent"), "absent"),
        (("mint", "--key", "-"), "neither a JWK"),
        (("mint", "--key", "-", "--expires", "5"), "write a number and its unit"),
        (("mint", "--key", "-", "--claim", "novalue"), "write NAME=VALUE"),
    ],
)
def test_wrong_usage_is_explained(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, message in result.output) == (2, True), result.output


def test_showing_reads_without_believing() -> None:
    result = run("show", "-", stdin="Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiLDqVxu4oCuIiwiZXhwIjowfQ.\n")
    assert result.exit_code == 0, result.output
    assert msgspec.json.decode(result.stdout) == {"header": {"alg": "none"}, "claims": {"sub": "é\n\u202e", "exp": 0}}
    assert result.stdout.isascii()
    assert "exp  1970-01-01 00:00:00 UTC" in result.stderr
    assert "not verified" in result.stderr


def test_what_is_no_token_is_said_without_repeating_it() -> None:
    result = run("show", "sesame")
    assert (result.exit_code, "sesame" in result.output) == (1, False)
    assert "not a readable token" in result.output
