"""What is compared, and the bars that Ostiary has set itself."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import msgspec

from bench import requests, tokens, upstream, websocket
from bench.certificate import Certificate
from bench.measure import Arm
from bench.peers import Envoy, HAProxy, Nginx, Node, Ostiary, Starlette
from bench.spec import Work
from bench.tokens import SigningKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.peers import Peer
    from bench.tokens import Algorithm

LONG = 16 << 20
"""Bytes of a body from which on a slice would not hold enough of them."""
POOL = 500
"""Different tokens of the cases in which tokens were seen before."""
CACHED = 4_000
"""Tokens that a cache holds."""
NEW_POOL = 6_000
"""Tokens of the cases in which every token is new: asked for in turn, each has left the cache before it comes again."""
VOLUME = 256 << 20
"""Bytes that a pool of requests with bodies may hold: of large ones there are fewer."""
AGAIN = "Ostiary (again)"
"""The second arm of the A/A pair."""


class Ground(msgspec.Struct):
    """What the cases share."""

    upstream: int
    store: str
    live: int | None = None
    """Port of the service for WebSockets."""
    keys: dict[Algorithm, SigningKey] = {}
    own: Certificate | None = None
    folder: TemporaryDirectory[str] | None = None
    """Where it lies; gone with the benchmark."""
    pools: dict[tuple[Algorithm, int], list[str]] = {}

    def work(self, algorithm: Algorithm = "RS256") -> Work:
        """The ordinary work with tokens of this algorithm."""
        if algorithm not in self.keys:
            self.keys[algorithm] = SigningKey.generate(algorithm)
        return Work(key=self.keys[algorithm], upstream=self.upstream, cached_tokens=CACHED)

    def certificate(self) -> Certificate:
        """What gateways present, made when it is first asked for."""
        if self.own is None:
            self.folder = TemporaryDirectory(prefix="ostiary-bench-")
            self.own = Certificate.generate(Path(self.folder.name))
        return self.own

    def tokens(self, algorithm: Algorithm = "RS256", count: int = POOL) -> list[str]:
        """A pool of different tokens, signed when it is first asked for."""
        if (algorithm, count) not in self.pools:
            self.pools[algorithm, count] = tokens.make(self.work(algorithm).key, count)
        return self.pools[algorithm, count]


class Case(msgspec.Struct, frozen=True):
    """One comparison. `arms` is called when the case is run."""

    name: str
    title: str
    arms: Callable[[Ground], list[Arm]]
    body: int = 0
    """Bytes of the body, where that is the subject."""
    unit: str = "request"
    """What is counted."""
    quick: bool = True
    """Whether a quick run has time for it, if bars speak of it."""


class Bar(msgspec.Struct, frozen=True):
    """A requirement: what Ostiary's figure may be, set against another arm of the same case or standing alone."""

    title: str
    case: str
    against: str
    bar: float
    aim: float
    arm: str = "Ostiary"
    kind: Literal["ratio", "difference", "growth"] = "ratio"
    """Of CPU times, set against another arm's; or by how many MB (10^6 bytes) memory grew, against nobody's."""


def arms(work: Work, pool: Sequence[bytes], peers: Sequence[Peer], status: int = 200) -> list[Arm]:
    """The same work and the same requests for each of these gateways."""
    return [Arm(peer.name, peer, work, pool, status) for peer in peers]


def seen(algorithm: Algorithm, *peers: Peer) -> Callable[[Ground], list[Arm]]:
    """Tokens that were seen before."""
    return lambda ground: arms(ground.work(algorithm), requests.pool(ground.tokens(algorithm)), [Ostiary(), *peers])


def new(algorithm: Algorithm, *peers: Peer) -> Callable[[Ground], list[Arm]]:
    """Every token new: Ostiary pays for a cache that never hits, and once has none; the peers have none."""

    def make(ground: Ground) -> list[Arm]:
        pool = requests.pool(ground.tokens(algorithm, NEW_POOL))
        work = ground.work(algorithm)
        without = msgspec.structs.replace(work, cached_tokens=0)
        return [*arms(work, pool, [Ostiary()]), *arms(without, pool, [Ostiary("Ostiary, no cache"), *peers])]

    return make


def logged(ground: Ground) -> list[Arm]:
    """One access-log line a request, to a file, for all."""
    work = msgspec.structs.replace(ground.work(), log=True)
    return arms(work, requests.pool(ground.tokens()), [Ostiary(), Envoy(), HAProxy(), Nginx()])


def stores(ground: Ground) -> list[Arm]:
    """The limiter's two stores."""
    pool = requests.pool(ground.tokens())
    shared = msgspec.structs.replace(ground.work(), store=ground.store)
    return [*arms(ground.work(), pool, [Ostiary()]), *arms(shared, pool, [Ostiary("Ostiary, Valkey limiter")])]


def routes(ground: Ground) -> list[Arm]:
    """Ten routes, a thousand and ten thousand, with the requests spread over all of them."""
    return [
        arm
        for count in (10, 1_000, 10_000)
        for arm in arms(
            msgspec.structs.replace(ground.work(), routes=count),
            requests.pool(ground.tokens(), routes=count, count=10_000),
            [Ostiary(f"Ostiary, {count:,} routes")],
        )
    ]


def bodies(direction: Literal["down", "up"], name: str) -> Callable[[Ground], list[Arm]]:
    """Bodies of a size that the upstream has a name for; the longest a few at a time, each measured to its end."""
    size = upstream.SIZES[name]

    def make(ground: Ground) -> list[Arm]:
        target = f"/service-0000/download/{name}" if direction == "down" else "/service-0000/upload/x"
        callers = ground.tokens()[: max(1, VOLUME // size)]
        pool = requests.pool(callers, target, b"" if direction == "down" else b"x" * size)
        peers: list[Peer] = [Ostiary(), Envoy(), HAProxy(), Nginx()]
        if size < LONG:
            return arms(ground.work(), pool, peers)
        work = msgspec.structs.replace(ground.work(), largest_body=size)
        return [msgspec.structs.replace(arm, connections=4, batch=8) for arm in arms(work, pool, peers)]

    return make


def messages(size: int) -> Callable[[Ground], list[Arm]]:
    """WebSocket messages of `size` octets, there and back; the handshakes were decided before the clock starts."""

    def make(ground: Ground) -> list[Arm]:
        work = msgspec.structs.replace(ground.work(), live=ground.live)
        opening = websocket.handshake(ground.tokens()[0])
        pool = [websocket.message(size)]
        return [msgspec.structs.replace(arm, handshake=opening) for arm in arms(work, pool, [Ostiary(), Nginx()])]

    return make


def encrypted(ground: Ground) -> list[Arm]:
    """The listener speaks TLS 1.3; connections are kept, so that records count and not handshakes."""
    pool = requests.pool(ground.tokens())
    work = msgspec.structs.replace(ground.work(), tls=ground.certificate())
    return [*arms(work, pool, [Ostiary(), Envoy()]), *arms(ground.work(), pool, [Ostiary("Ostiary, no TLS")])]


def no_token(ground: Ground) -> list[Arm]:
    """Requests without a credential."""
    return arms(ground.work(), [requests.render(None)], [Ostiary(), Envoy(), HAProxy()], 401)


def bad_signature(ground: Ground) -> list[Arm]:
    """Tokens of which one bit of the signature is wrong."""
    pool = requests.pool([tokens.tampered(token) for token in ground.tokens()])
    return arms(ground.work(), pool, [Ostiary(), Envoy(), HAProxy()], 401)


def over_limit(ground: Ground) -> list[Arm]:
    """Callers whose bucket is empty."""
    work = msgspec.structs.replace(ground.work(), limited=True)
    return arms(work, requests.pool(ground.tokens()), [Ostiary(), Envoy(), HAProxy()], 429)


CASES = (
    Case(
        "seen-rs256",
        "Token seen before, RS256",
        seen("RS256", Ostiary(AGAIN), Envoy(), Envoy(100), HAProxy(), Nginx(), Node(), Starlette()),
    ),
    Case("seen-es256", "Token seen before, ES256", seen("ES256", Envoy(), HAProxy())),
    Case("seen-eddsa", "Token seen before, EdDSA", seen("EdDSA", Envoy())),
    Case("new-rs256", "Every token new, RS256", new("RS256", Envoy(), HAProxy())),
    Case("new-es256", "Every token new, ES256", new("ES256", Envoy(), HAProxy())),
    Case("new-eddsa", "Every token new, EdDSA", new("EdDSA", Envoy())),
    Case("log", "Access log on, to a file", logged),
    Case("tls", "Token seen before, RS256, over TLS 1.3", encrypted),
    Case("store", "Limiter in memory and in Valkey", stores),
    Case("routes", "Number of routes", routes),
    Case("down-1k", "Response of 1 KiB", bodies("down", "1k"), body=1 << 10),
    Case("up-1k", "Request of 1 KiB", bodies("up", "1k"), body=1 << 10),
    Case("down-1m", "Response of 1 MiB", bodies("down", "1m"), body=1 << 20),
    Case("up-1m", "Request of 1 MiB", bodies("up", "1m"), body=1 << 20),
    Case("down-100m", "Response of 100 MiB", bodies("down", "100m"), body=100 << 20),
    Case("up-100m", "Request of 100 MiB", bodies("up", "100m"), body=100 << 20),
    Case("ws-32", "WebSocket messages of 32 octets", messages(32), unit="message", quick=False),
    Case("ws-1k", "WebSocket messages of 1,000 octets", messages(1_000), unit="message"),
    Case("no-token", "Refused: no token (401)", no_token),
    Case("bad-signature", "Refused: wrong signature (401)", bad_signature),
    Case("over-limit", "Refused: over the limit (429)", over_limit),
    Case("ws-16k", "WebSocket messages of 16,000 octets", messages(16_000), unit="message"),
)

BARS = (
    Bar("RS256, seen before, against Envoy", "seen-rs256", "Envoy", 0.55, 0.40),
    Bar("the same against HAProxy", "seen-rs256", HAProxy.name, 0.80, 0.60),
    Bar("the same against nginx with no authentication", "seen-rs256", Nginx.name, 2.0, 1.6),
    Bar("the same against Node", "seen-rs256", Node.name, 0.15, 0.10),
    Bar("access log on, against Envoy", "log", "Envoy", 0.65, 0.50),
    Bar("over TLS, against Envoy with TLS", "tls", "Envoy", 0.60, 0.50),
    Bar("every token new, RS256, against Envoy", "new-rs256", "Envoy", 0.90, 0.70),
    Bar(
        "Valkey limiter, extra over memory, µs",
        "store",
        "Ostiary",
        30,
        15,
        "Ostiary, Valkey limiter",
        kind="difference",
    ),
    Bar("10,000 routes against 10", "routes", "Ostiary, 10 routes", 1.05, 1.0, "Ostiary, 10,000 routes"),
    Bar("responses of 1 MiB, against nginx", "down-1m", Nginx.name, 1.5, 1.0),
    Bar("requests of 1 MiB, against nginx", "up-1m", Nginx.name, 1.5, 1.0),
    Bar("responses of 100 MiB, against nginx", "down-100m", Nginx.name, 1.5, 1.0),
    Bar("requests of 100 MiB, against nginx", "up-100m", Nginx.name, 1.5, 1.0),
    Bar("WebSocket messages of 32 octets, against nginx", "ws-32", Nginx.name, 1.5, 1.0),
    Bar("WebSocket messages of 1,000 octets, against nginx", "ws-1k", Nginx.name, 1.5, 1.0),
    Bar("memory that four responses of 100 MiB at a time take, MB", "down-100m", "", 32, 16, kind="growth"),
    Bar("memory that four requests of 100 MiB at a time take, MB", "up-100m", "", 32, 16, kind="growth"),
)


def judged(case: str) -> set[str]:
    """Names of the arms of a case that bars speak of, and of the A/A pair's second; none if no bar is about it."""
    names = {name for bar in BARS if bar.case == case for name in (bar.arm, bar.against) if name}
    return names | {AGAIN} if names else names
