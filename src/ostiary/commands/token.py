"""`ostiary token`: keys and tokens for trying things. A development helper: it signs, and never verifies."""

from __future__ import annotations

import os
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from ostiary import streams

if TYPE_CHECKING:
    from typing import BinaryIO


class Span(click.ParamType[float]):
    """A duration as the configuration writes it; a minus sign before it points into the past. Becomes seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds; fails on anything else."""
        if isinstance(value, float):
            return value
        from pydantic import TypeAdapter, ValidationError

        from ostiary.config.scalars import Duration

        text = str(value)
        try:
            # The context is what makes a bare number refused, as in a configuration.
            seconds: float = TypeAdapter(Duration).validate_python(text.removeprefix("-"), context={})
        except ValidationError:
            self.fail("write a number and its unit: 30s, 5m, 1h; -5m is five minutes ago", param, ctx)
        return -seconds if text.startswith("-") else seconds


@click.group("token")
def command() -> None:
    """Make keys and tokens for trying things, and read tokens. For development."""


@command.command()
@click.option(
    "--alg", default="RS256", show_default=True, help="RS, PS, ES or HS with 256, 384 or 512; EdDSA, Ed25519."
)
@click.option("--kid", help="Key id; by default the key's RFC 7638 thumbprint.")
@click.option("--pem", is_flag=True, help="Write the private key as PEM instead of JWK.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write to.")
def keys(alg: str, kid: str | None, out: Path, *, pem: bool) -> None:
    """Make a key: private.jwk (or .pem), for you alone to read, and the public jwks.json.

    An HS* key has no public half; the second file is then secret.txt, for `keys: {secret: ...}` of an issuer. No
    file that exists is overwritten.
    """
    from ostiary.demo.signing import KeyProblem, SigningKey

    try:
        key = SigningKey.generate(alg, kid)
        files = {"private.pem": key.private_pem()} if pem else {"private.jwk": key.private_jwk()}
        shared = key.shared_secret()
        if shared is not None:
            files["secret.txt"] = shared
        else:
            files["jwks.json"] = _set(key.public())
    except KeyProblem as problem:
        raise click.UsageError(str(problem)) from None
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            _write_new(out / name, data, 0o644 if name == "jwks.json" else 0o600)
            click.echo(out / name)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that must not exist yet; it never has wider permissions than `mode`, not even while empty."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)


@command.command()
@click.option("--key", "key_file", type=click.File("rb"), required=True, help="JWK or PEM file; - for stdin.")
@click.option("--alg", help="Algorithm; needed for PEM, else the JWK's own.")
@click.option("--kid", help="Key id; by default the JWK's own, or the thumbprint.")
def jwks(key_file: BinaryIO, alg: str | None, kid: str | None) -> None:
    """Print the JWK Set of a key's public half, as `keys: {file: ...}` of an issuer wants it.

    The key may be private or public.
    """
    from ostiary.demo.signing import KeyProblem, public_jwk

    try:
        click.echo(_set(public_jwk(key_file.read(), alg, kid)), nl=False)
    except KeyProblem as problem:
        raise click.UsageError(str(problem)) from None


def _set(public: dict[str, object]) -> bytes:
    return msgspec.json.format(msgspec.json.encode({"keys": [public]})) + b"\n"


@command.command()
@click.option("--key", "key_file", type=click.File("rb"), required=True, help="Private JWK or PEM file; - for stdin.")
@click.option("--alg", help="Algorithm; needed for PEM, else the JWK's own.")
@click.option("--kid", help="Key id; by default the JWK's own, or the thumbprint.")
@click.option("--typ", default="at+jwt", show_default=True, help="The header's type.")
@click.option("--iss", help="Issuer.")
@click.option("--aud", multiple=True, help="Audience; may be repeated.")
@click.option("--sub", help="Subject.")
@click.option("--scope", multiple=True, help="Scope, or several separated by spaces; may be repeated.")
@click.option(
    "--claim", multiple=True, metavar="NAME=VALUE", help="Any claim; JSON if it reads as such, else a string."
)
@click.option("--expires", type=Span(), default="5m", show_default=True, help="From now; -5m has expired already.")
@click.option("--not-before", type=Span(), help="From now.")
def mint(  # noqa: PLR0913, PLR0917 - an option each; click passes them by name
    key_file: BinaryIO,
    alg: str | None,
    kid: str | None,
    typ: str,
    iss: str | None,
    aud: tuple[str, ...],
    sub: str | None,
    scope: tuple[str, ...],
    claim: tuple[str, ...],
    expires: float,
    not_before: float | None,
) -> None:
    """Sign a token and print it."""
    from ostiary.demo.signing import KeyProblem, SigningKey

    now = int(time.time())
    claims: dict[str, object] = {
        "iss": iss,
        "sub": sub,
        "aud": aud[0] if len(aud) == 1 else list(aud) or None,
        "scope": " ".join(scope) or None,
        "iat": now + min(int(expires), 0),
        "nbf": None if not_before is None else now + int(not_before),
        "exp": now + int(expires),
        "jti": secrets.token_urlsafe(12),
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    claims.update(map(_claim, claim))
    try:
        click.echo(SigningKey.load(key_file.read(), alg, kid).sign(claims, typ))
    except KeyProblem as problem:
        raise click.UsageError(str(problem)) from None


def _claim(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter("write NAME=VALUE", param_hint="--claim")
    try:
        return name, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value


@command.command()
@click.argument("token")
def show(token: str) -> None:
    """Print what a TOKEN says of itself, without verifying anything. With - it is read from standard input.

    Prefer - for a token that matters: arguments are seen in process listings and kept in the shell's history.
    """
    from ostiary.demo.reading import LONGEST, Unreadable, read, times

    text = sys.stdin.read(LONGEST * 2) if token == "-" else token  # noqa: S105 - a name for standard input
    try:
        reading = read(text)
    except Unreadable as problem:
        raise click.ClickException(f"not a readable token: {problem}") from None
    # Escaped to ASCII, so that nothing in the token can act on the terminal.
    streams.console().print_json(
        msgspec.json.encode({"header": reading.header, "claims": reading.claims}).decode(), ensure_ascii=True
    )
    notes = streams.console(stderr=True)
    for line in times(reading.claims, time.time()):
        notes.print(line)
    notes.print(
        f"not verified: anybody could have written this; {reading.signature_bytes} bytes of signature unchecked",
        style="yellow",
    )
