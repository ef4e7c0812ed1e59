"""Verified tokens by digest (law 10): a bounded cache with second-chance eviction."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ostiary.jose.verify import VerifiedToken


class TokenCache:
    """At most `entries` verified tokens; whoever takes one out looks whether it is still good.

    A token is kept under its SHA-256, which does not reveal it (law 8). Second chance: a hand goes round the entries;
    one that was used since it last came by is passed over once, so that a burst of tokens seen once does not drive out
    those in use. Everything costs the same however full the cache is.
    """

    __slots__ = ("_hand", "_ring", "_size", "_tokens", "hits", "misses")

    def __init__(self, entries: int) -> None:
        self._size = entries
        self._tokens: dict[bytes, VerifiedToken] = {}
        self._ring: list[bytes] = []
        self._hand = 0
        self.hits = 0
        self.misses = 0

    def __len__(self) -> int:
        return len(self._tokens)

    def get(self, name: bytes) -> VerifiedToken | None:
        """Return the token whose digest is `name`, still good or not."""
        token = self._tokens.get(name)
        if token is None:
            self.misses += 1
            return None
        self.hits += 1
        token.touched = True
        return token

    def put(self, name: bytes, token: VerifiedToken) -> None:
        """Keep `token` under its digest, in place of an older one or of one long unused."""
        tokens, ring = self._tokens, self._ring
        if name in tokens:
            tokens[name] = token
        elif len(ring) < self._size:
            ring.append(name)
            tokens[name] = token
        elif ring:
            del tokens[self._take_slot(name)]
            tokens[name] = token

    def _take_slot(self, name: bytes) -> bytes:
        """Put `name` into the ring and return whom it displaces."""
        ring, tokens = self._ring, self._tokens
        while (oldest := tokens[ring[self._hand]]).touched:
            oldest.touched = False
            self._hand = (self._hand + 1) % len(ring)
        evicted, ring[self._hand] = ring[self._hand], name
        self._hand = (self._hand + 1) % len(ring)
        return evicted
