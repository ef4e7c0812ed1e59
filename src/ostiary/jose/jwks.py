"""A JWK Set document (RFC 7517 section 5) into the keys of it that can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ostiary.jose.jwk import PublishedSecret, UnusableKey, is_secret, public_key
from ostiary.jose.source import KeyEvent
from ostiary.jose.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from ostiary.jose.key import Key


class UnusableKeySet(ValueError):
    """Not a JWK Set from which any key can be had; its text says why and repeats nothing of it, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Ignored(NamedTuple):
    """A member of a set that did not become a key: its place, counted from 0, why, and whether it was a secret."""

    place: int
    why: str
    secret: bool = False


_DESCRIBED: Final = 5
_MAKE: Final = "`ostiary token jwks --key FILE` makes one of a key's public half"


def events(issuer: str, ignored: list[Ignored]) -> Iterator[KeyEvent]:
    """Tell an operator of what was ignored among the keys of `issuer`, and by itself of secrets."""
    if ignored:
        yield KeyEvent(issuer, "keys_ignored", describe(ignored))
    secrets = [one for one in ignored if one.secret]
    if secrets:
        yield KeyEvent(issuer, "private_key", describe(secrets))


def describe(ignored: list[Ignored]) -> str:
    """Say which entries were ignored and why, the first few of them."""
    told = "; ".join(f"entry {one.place}: {one.why}" for one in ignored[:_DESCRIBED])
    return told if len(ignored) <= _DESCRIBED else f"{told}; and {len(ignored) - _DESCRIBED} more"


def read(text: bytes, algorithms: Collection[str], max_keys: int) -> tuple[list[Key], list[Ignored]]:
    """Return the keys of the set that verify one of `algorithms`, and what was passed over (RFC 7517 section 5).

    Raises UnusableKeySet if `text` is not a JWK Set, holds more than `max_keys`, or none that is usable: a provider
    without keys is more likely broken than without need of any.
    """
    try:
        document = parse_object(text)
    except ValueError as error:
        if text.lstrip().startswith(b"-----BEGIN"):
            raise UnusableKeySet("the key set is PEM", f"a JWK Set in JSON is needed; {_MAKE}") from error
        raise UnusableKeySet("the key set is not a JSON object") from error
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise _no_set(document)
    if len(entries) > max_keys:
        raise UnusableKeySet(f"the key set holds more than {max_keys} keys")
    keys: dict[object, Key] = {}
    ignored = []
    for place, jwk in enumerate(entries):
        try:
            key = public_key(jwk, algorithms)
        except UnusableKey as error:
            ignored.append(Ignored(place, str(error), isinstance(error, PublishedSecret)))
        else:
            keys[key.fingerprint] = key
    if not keys:
        why = f": {describe(ignored)}" if ignored else ""
        secret = any(one.secret for one in ignored)
        raise UnusableKeySet(f"the key set holds no usable key{why}", f"publish public keys only; {_MAKE}" * secret)
    return list(keys.values()), ignored


def _no_set(document: dict[str, object]) -> UnusableKeySet:
    """Say what a JSON object is that has no array of keys."""
    if "kty" not in document:
        return UnusableKeySet("the key set has no array of keys")
    if is_secret(document):
        return UnusableKeySet("the key set is a private key", f"publish public keys only, in a JWK Set; {_MAKE}")
    return UnusableKeySet("the key set is a single key", 'put it in {"keys": [...]}')
