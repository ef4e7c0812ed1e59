"""What must hold of issuers: keys from one source, of one family, and fetched where nobody can replace them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from ostiary.config.addresses import is_loopback, split
from ostiary.config.files import Unreadable, read_file
from ostiary.config.problem import Finding, Path, key
from ostiary.config.secret_strength import is_guessable
from ostiary.config.shown import shown_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostiary.config.model import Config, Issuer

_SOURCES: Final = ("discovery", "jwks_url", "file", "inline", "secret")
_SECRET_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
"""RFC 7518 section 3.2: a key at least as long as the hash."""

_EXPOSED: Final = (
    "would fetch keys over plain HTTP, where whoever is on the way can replace them",
    "use https; or, outside production, keys: {allow_insecure_http: true}",
)


def issuers(config: Config) -> Iterator[Finding]:
    """Each issuer by itself; and no two with the same `iss`, for keys are bound to their issuer."""
    first: dict[str, str] = {}
    for name, issuer in config.issuers.items():
        path = ("issuers", name)
        other = first.setdefault(issuer.issuer, name)
        if other != name:
            yield Finding(
                (*path, "issuer"),
                f"is the same as that of {key(other)}",
                "give each issuer one entry",
                (("issuers", other, "issuer"),),
            )
        if "*" in issuer.audiences:
            yield Finding((*path, "audiences"), "has a *, which is no wildcard", "list each audience")
        yield from _source(issuer, (*path, "keys"))
        yield from _transport(issuer, path)
        yield from _algorithms(issuer, path)
        yield from _secret(issuer, path)
        yield from _inline(issuer, (*path, "keys", "inline"))
        yield from _file(issuer, (*path, "keys", "file"))


def _source(issuer: Issuer, path: Path) -> Iterator[Finding]:
    given = _given(issuer)
    if len(given) != 1:
        what = f"has {len(given)} sources of keys: {', '.join(given)}" if given else "has no source of keys"
        absent = () if given else tuple((*path, name) for name in _SOURCES)
        yield Finding(path, what, f"give exactly one of {', '.join(_SOURCES)}", absent)


def _given(issuer: Issuer) -> list[str]:
    return [name for name in _SOURCES if getattr(issuer.keys, name) != type(issuer.keys).model_fields[name].default]


def _transport(issuer: Issuer, path: Path) -> Iterator[Finding]:
    """Keys come over TLS, or from this machine; discovery begins at an issuer that is a URL (OpenID Discovery, 4)."""
    keys = (*path, "keys")
    if issuer.keys.discovery:
        parts = split(issuer.issuer)
        if parts is None or parts.query:
            yield Finding((*path, "issuer"), "is no URL, so that nothing can be discovered", "use jwks_url")
        elif _is_exposed(issuer, issuer.issuer):
            yield Finding((*path, "issuer"), *_EXPOSED, ((*keys, "allow_insecure_http"),))
    if issuer.keys.jwks_url is not None and _is_exposed(issuer, issuer.keys.jwks_url):
        yield Finding((*keys, "jwks_url"), *_EXPOSED, ((*keys, "allow_insecure_http"),))


def _is_exposed(issuer: Issuer, url: str) -> bool:
    parts = split(url)
    plain = parts is not None and parts.scheme == "http" and not is_loopback(parts.hostname or "")
    return plain and not issuer.keys.allow_insecure_http


def _algorithms(issuer: Issuer, path: Path) -> Iterator[Finding]:
    place = (*path, "algorithms")
    secret = (*path, "keys", "secret")
    shared = [name for name in issuer.algorithms if name in _SECRET_BYTES]
    if len(set(issuer.algorithms)) < len(issuer.algorithms):
        yield Finding(place, "names an algorithm twice")
    if shared and len(shared) < len(issuer.algorithms):
        yield Finding(
            place,
            "mixes HS* with asymmetric algorithms: a public key could be used as a secret to forge tokens",
            "make it two issuers",
        )
    elif shared and issuer.keys.secret is None:
        yield Finding(place, f"has {shared[0]}, which needs keys: {{secret: ...}}", "", (secret,))
    elif not shared and issuer.keys.secret is not None:
        yield Finding(place, "has asymmetric algorithms, to which keys: {secret: ...} does not belong")


def _secret(issuer: Issuer, path: Path) -> Iterator[Finding]:
    if issuer.keys.secret is None:
        return
    secret = issuer.keys.secret.get_secret_value()
    place = (*path, "keys", "secret")
    least = max((_SECRET_BYTES.get(name, 0) for name in issuer.algorithms), default=0) or 32
    make = f"make one with: openssl rand -hex {least}"
    if len(secret) < least:
        yield Finding(place, f"is shorter than the {least} bytes that its algorithm needs", make)
    elif is_guessable(secret):
        yield Finding(place, "can be guessed: it is made of words, a run or a repetition", make)


def _inline(issuer: Issuer, path: Path) -> Iterator[Finding]:
    if issuer.keys.inline is None:
        return
    from ostiary.jose.jwks import describe, read  # noqa: PLC0415 - it imports cryptography, which few files need

    inline = issuer.keys.inline
    # What is no key set at all is none whatever the algorithms are.
    rests_on = ((*path[:-2], "algorithms"), (*path[:-1], "max_keys")) if isinstance(inline.get("keys"), list) else ()
    try:
        _, ignored = read(msgspec.json.encode(inline), issuer.algorithms, issuer.keys.max_keys)
    except (ValueError, TypeError) as error:
        yield Finding(path, f"is not a usable JWKS: {error}", getattr(error, "hint", ""), rests_on)
        return
    if ignored:
        yield Finding(path, f"has keys that cannot be used: {describe(ignored)}", "remove them", rests_on)


def _file(issuer: Issuer, path: Path) -> Iterator[Finding]:
    """The file has to be there, with a key, when the gateway starts, as certificates have to; afterwards it may change.

    Unlike in the configuration itself, keys that cannot be used are passed over: whoever writes the file need not know
    the algorithms of this gateway.
    """
    file, keys = issuer.keys.file, issuer.keys
    if file is None or len(_given(issuer)) > 1 or not _SECRET_BYTES.keys().isdisjoint(issuer.algorithms):
        return
    from ostiary.jose.jwks import UnusableKeySet, describe, read  # noqa: PLC0415 - as above

    rests_on = ((*path[:-2], "algorithms"), (*path[:-1], "max_keys"))
    try:
        _, ignored = read(read_file(file, keys.max_bytes), issuer.algorithms, keys.max_keys)
    except Unreadable as error:
        yield Finding(path, error.message, error.hint, ((*path[:-1], "max_bytes"),))
        return
    except UnusableKeySet as error:
        yield Finding(path, f"is not a usable JWKS: {error}: {shown_path(file)}", error.hint, rests_on)
        return
    if secrets := [one for one in ignored if one.secret]:
        hint = "publish public keys only; `ostiary token jwks --key FILE` makes a set of a key's public half"
        yield Finding(path, f"has private keys: {describe(secrets)}: {shown_path(file)}", hint)
