"""Keys that verify signatures, and the set of them that an issuer has."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ostiary.jose.algorithms import Verify


@final
class Key:
    """One verification key, alive as long as its issuer publishes it.

    `fingerprint` is equal for two keys exactly if they are interchangeable. `usable_until` (monotonic seconds) is moved
    by the source that owns the key: forward with every good refresh, to -inf when the key is withdrawn. Whatever was
    verified with the key is believed only before it.
    """

    __slots__ = ("_verify", "fingerprint", "kid", "kty", "usable_until")

    def __init__(self, kid: str | None, kty: str, verify: Mapping[str, Verify], fingerprint: object) -> None:
        self.kid = kid
        self.kty = kty
        self.fingerprint = fingerprint
        self.usable_until = -inf
        self._verify = dict(verify)

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The algorithms that this key may verify."""
        return tuple(self._verify)

    def verify(self, alg: str, signature: bytes, signing_input: bytes) -> bool:
        """Tell whether `signature` is this key's over `signing_input` by `alg`; False for an algorithm not its own."""
        verify = self._verify.get(alg)
        return verify is not None and verify(signature, signing_input)

    def __repr__(self) -> str:
        return f"<Key {self.kty} {','.join(self._verify)}>"


@final
class KeySet:
    """An issuer's keys, found by the header of a token.

    A set that `ignores_kid` holds a shared secret, which has no name: whatever name a token gives means this one.
    """

    __slots__ = ("_by_alg", "_by_kid", "_ignores_kid", "keys")

    def __init__(self, keys: Iterable[Key] = (), *, ignores_kid: bool = False) -> None:
        self.keys = tuple(keys)
        self._ignores_kid = ignores_kid
        self._by_alg: dict[str, tuple[Key, ...]] = {}
        self._by_kid: dict[tuple[str | None, str], tuple[Key, ...]] = {}
        for key in self.keys:
            for alg in key.algorithms:
                self._by_alg[alg] = (*self._by_alg.get(alg, ()), key)
                self._by_kid[key.kid, alg] = (*self._by_kid.get((key.kid, alg), ()), key)

    def candidates(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """Return the keys that may have signed a token with this header; more than one means ambiguity.

        A token that names no key may be from any that fits: OpenID Connect Core section 10.1 lets it do so only where
        there is one.
        """
        if kid is None or self._ignores_kid:
            return self._by_alg.get(alg, ())
        return self._by_kid.get((kid, alg), ())
