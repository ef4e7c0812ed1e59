"""Keys that are fetched and kept fresh without any request waiting for it.

The laws of this file:

- A key that is known is answered from memory. Only a request whose key is not known may wait, for one fetch that all
  such requests share, and it begins one at most once per cooldown, and none while the provider fails.
- A good refresh replaces the set; keys that are still published stay the same objects, so that what they verified
  stays cached, and keys that are not are withdrawn at once. A failed refresh changes nothing.
- After the TTL and the stale window without a good refresh no key is usable, and nothing is accepted.
- A provider that fails is asked again after 1, 2, 4 … 60 s, by the timer alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from math import inf
from typing import TYPE_CHECKING, Final, Protocol

from ostiary.config.shown import shown_path
from ostiary.jose.fetch import LoadError
from ostiary.jose.jwks import UnusableKeySet, events, read
from ostiary.jose.key import Key, KeySet
from ostiary.jose.source import KeyEvent, KeyStatus, unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.config.model import Issuer
    from ostiary.jose.loaders import Loader
    from ostiary.jose.source import KeyEventKind

_DUE: Final = 0.75
_JITTER: Final = 0.1
"""The share of any wait that chance may take off, so that workers do not all ask at once."""
_FIRST_RETRY: Final = 1.0
_LAST_RETRY: Final = 60.0


class _Timer(Protocol):
    def cancel(self) -> None: ...


class RefreshedKeys:
    """The keys of `issuer`, called `name` in the configuration, as `loader` finds them.

    `alert` hears of what an operator should know; it must not raise. `clock` is monotonic seconds, `call_later` the
    running loop's if not given, and `chance` gives numbers in [0, 1).
    """

    def __init__(
        self,
        name: str,
        issuer: Issuer,
        loader: Loader,
        alert: Callable[[KeyEvent], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        call_later: Callable[[float, Callable[[], object]], _Timer] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._algorithms = frozenset(issuer.algorithms)
        self._policy = issuer.keys
        self._where = f": {shown_path(issuer.keys.file)}" if issuer.keys.file is not None else ""
        self._loader = loader
        self._alert = alert
        self._clock = clock
        self._call_later = call_later
        self._chance = chance
        self._keys = KeySet()
        self._text = b""
        self._loaded_at = -inf
        self._usable_until = -inf
        self._failures = 0
        self._last_error = ""
        self._state = ""
        self._due = 0.0
        self._may_ask_at = -inf
        self._fetch: asyncio.Task[None] | None = None
        self._timer: _Timer | None = None

    def known(self, kid: str | None, alg: str, mono: float) -> tuple[Key, ...]:
        """Return the candidates for a header among the keys usable at `mono`."""
        return self._keys.candidates(kid, alg) if mono < self._usable_until else ()

    async def find(self, kid: str | None, alg: str, mono: float) -> tuple[Key, ...]:
        """Return the candidates for a header that is not known, after the fetch that may bring them.

        With keys at hand but the provider failing, what is not known is not a key: a ``kid`` is anybody's to make up,
        and an answer of 503 for it would let anybody make the gateway look ill. Raises Broken if there are no usable
        keys at all.
        """
        if self._fetch is not None and not self._failures:
            await asyncio.wait({self._fetch})
            mono = self._clock()
        found = self.known(kid, alg, mono)
        if not found and not self._failures and mono >= self._may_ask_at:
            self._may_ask_at = mono + self._policy.cooldown
            await asyncio.wait({self._begin()})
            mono = self._clock()
            found = self.known(kid, alg, mono)
        if mono >= self._usable_until:
            raise unavailable(self._due - mono)
        return found

    def status(self, mono: float) -> KeyStatus:
        """Tell how the keys are at `mono`."""
        age = mono - self._loaded_at
        ready = mono < self._usable_until
        return KeyStatus(
            ready=ready,
            keys=len(self._keys.keys) if ready else 0,
            age=age,
            stale=ready and age > self._policy.ttl,
            failures=self._failures,
            last_error=self._last_error,
        )

    async def start(self) -> None:
        """Begin to load keys, and return before they are loaded."""
        self._on_timer()

    async def close(self) -> None:
        """Stop, and wait for what is under way to end."""
        if self._timer is not None:
            self._timer.cancel()
        if self._fetch is not None:
            self._fetch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._fetch

    def _begin(self) -> asyncio.Task[None]:
        """Begin a fetch, or return the one under way."""
        if self._fetch is None:
            self._fetch = asyncio.get_running_loop().create_task(self._refresh())
        return self._fetch

    def _on_timer(self) -> None:
        _ = self._begin()

    async def _refresh(self) -> None:
        asked_at = self._clock()
        try:
            async with asyncio.timeout(self._policy.timeout):
                text = await self._loader.load()
            self._take(text, asked_at)
        except TimeoutError:
            self._fail(f"no complete answer within {self._policy.timeout:g} s")
        except LoadError as error:
            self._fail(str(error))
        except UnusableKeySet as error:
            self._fail(f"{error}{self._where}")
        except Exception as error:  # noqa: BLE001  # a bug must not end the refreshing
            self._fail(f"unexpected {type(error).__name__}")
        finally:
            self._fetch = None
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        call_later = self._call_later or asyncio.get_running_loop().call_later
        self._timer = call_later(max(0.0, self._due - self._clock()), self._on_timer)

    def _take(self, text: bytes, asked_at: float) -> None:
        """Take over the set in `text`. What it says was true when it was asked for, not when it arrived."""
        if text != self._text:
            self._replace(text)
        self._loaded_at = asked_at
        self._usable_until = asked_at + self._policy.ttl + self._policy.stale
        for key in self._keys.keys:
            key.usable_until = self._usable_until
        self._due = self._clock() + max(_FIRST_RETRY, self._shortened(self._policy.ttl * _DUE))
        if self._failures:
            self._failures, self._state = 0, ""
            self._last_error = ""
            self._tell("refresh_recovered", "the keys could be fetched again")

    def _replace(self, text: bytes) -> None:
        keys, ignored = read(text, self._algorithms, self._policy.max_keys)
        gone = {key.fingerprint: key for key in self._keys.keys}
        before = len(gone)
        self._keys = KeySet([gone.pop(key.fingerprint, key) for key in keys])
        self._text = text
        for key in gone.values():
            key.usable_until = -inf
        self._tell("keys_changed", f"{len(keys) - before + len(gone)} new, {len(gone)} withdrawn")
        for event in events(self._name, ignored):
            self._alert(event)

    def _fail(self, why: str) -> None:
        self._failures += 1
        self._last_error = why
        retry = min(_LAST_RETRY, _FIRST_RETRY * 2.0 ** min(self._failures - 1, 16))
        self._due = self._clock() + self._shortened(retry)
        self._tell("refresh_failed", why)
        mono = self._clock()
        if mono >= self._usable_until:
            self._decline("unavailable", "there are no usable keys")
        elif mono >= self._loaded_at + self._policy.ttl:
            self._decline("stale", f"the keys are older than {self._policy.ttl:g} s")

    def _decline(self, state: KeyEventKind, detail: str) -> None:
        """Tell of a worse state once, not with every failure."""
        if self._state != state:
            self._state = state
            self._tell(state, detail)

    def _shortened(self, seconds: float) -> float:
        return seconds * (1 - _JITTER * self._chance())

    def _tell(self, kind: KeyEventKind, detail: str) -> None:
        self._alert(KeyEvent(self._name, kind, detail))
