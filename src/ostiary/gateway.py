"""The composition root: a configuration goes in, a running gateway comes out. The only file that wires."""

from __future__ import annotations

import asyncio
import socket
import time
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from ostiary.authenticate.jwt import JwtAuthenticator
from ostiary.authorize.policy import compile_requirements
from ostiary.decision.pipeline import Pipeline
from ostiary.http.headers import HeaderPolicy
from ostiary.jose.cache import TokenCache
from ostiary.jose.configured import key_source
from ostiary.jose.source import KeyStatus  # noqa: TC001  # msgspec resolves the annotation, as in jose/verify.py
from ostiary.jose.verify import TokenVerifier
from ostiary.limit.limiter import Limiter
from ostiary.limit.tiers import TierTable
from ostiary.observe import families
from ostiary.observe.bugs import Bugs
from ostiary.observe.security_log import OF_KEY_EVENT
from ostiary.propagate.headers import IdentityHeaderRenderer
from ostiary.propagate.pass_through import PassThrough
from ostiary.proxy.acceptor import Acceptor
from ostiary.proxy.deadlines import Deadlines
from ostiary.proxy.door import ProxyDoor
from ostiary.proxy.pool import UpstreamPool
from ostiary.routes.route import Policy, Route
from ostiary.routes.table import RouteTable
from ostiary.tls.contexts import listener_context, listener_files, upstream_context, upstream_files
from ostiary.tls.current import CurrentContext
from ostiary.tls.handshakes import Handshakes
from ostiary.tls.renewal import Renewal

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from ostiary.config.model import Config, Tls, Upstream
    from ostiary.config.model import Route as RouteConfig
    from ostiary.decision.stages import Propagator
    from ostiary.jose.source import KeyEvent
    from ostiary.observe.access_log import AccessLog
    from ostiary.observe.metrics import Metrics
    from ostiary.observe.security_log import SecurityLog
    from ostiary.stores.protocol import LimitStore

_BACKLOG = 1024
_ACCEPTING_TURNS = 3
"""Turns of the loop that accept all connections that the kernel has made by then."""
_ON_THE_WAY_SECONDS = 0.5
"""How long, as the gateway ends, a request sent before may take to get here; at most a quarter of the drain."""
_CLOSING_SECONDS = 5.0
"""How long a client may take to answer the end of a TLS session."""
_CUTTING_SECONDS = 1.0
"""How long it may take until a connection that is closed at once is gone."""
_RELOAD_SECONDS = 5.0
"""How often the files of upstreams are looked at, where the listener says nothing else."""


class GatewayStatus(msgspec.Struct, frozen=True):
    """Whether one worker can do its work, and why not."""

    ready: bool
    issuers: dict[str, KeyStatus]
    store_healthy: bool


class Gateway:
    """Everything that one worker runs. Build it, `start` it, `drain` it; it starts once."""

    def __init__(
        self,
        config: Config,
        store: LimitStore,
        metrics: Metrics,
        access_log: AccessLog | None,
        security_log: SecurityLog,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.pipeline: Pipeline
        self.door: ProxyDoor
        self._store = store
        self._metrics = metrics
        self._security_log = security_log
        self._wall = wall
        self._monotonic = monotonic
        self._access_log = access_log
        self._sources = {
            name: key_source(name, issuer, self._key_event, clock=monotonic) for name, issuer in config.issuers.items()
        }
        self._cache = TokenCache(config.token_cache.entries)
        tiers = TierTable(config.tiers)
        self._limiters = {name: Limiter(name, limit, tiers, store, metrics) for name, limit in config.limits.items()}
        self._believed: dict[frozenset[str], frozenset[str]] = {}
        """Sets of issuers that routes believe, each once: with many routes, it counts how much memory is visited."""
        self._server: asyncio.Server | Acceptor | None = None
        self._pools: dict[str, UpstreamPool] = {}
        self._deadlines: Deadlines
        period = config.server.tls.reload_interval if config.server.tls is not None else _RELOAD_SECONDS
        self._renewal = Renewal(period, security_log, wall, monotonic)
        self._renewing: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that the listener is bound to."""
        assert self._server is not None  # noqa: S101  # asked for after `start` only
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Begin to load keys, bind the listener and accept connections.

        Raises `OSError` if the listener cannot be bound, or a certificate cannot be used. Keys that cannot be loaded
        yet are no error: requests that need them are refused with 503 until they are there.
        """
        await self.prepare()
        loop = asyncio.get_running_loop()
        tls = self.config.server.tls
        context = None if tls is None else self._listener_tls(tls)
        handshake = None if tls is None else tls.handshake_timeout
        shutdown = None if tls is None else _CLOSING_SECONDS
        listener = _listening_socket(self.config)
        if self.config.server.proxy_protocol.peers:
            connect = partial(
                loop.connect_accepted_socket,
                ssl=context,
                ssl_handshake_timeout=handshake,
                ssl_shutdown_timeout=shutdown,
            )
            self._server = Acceptor(listener, self.door, connect, self._metrics, self._security_log)
        else:
            self._server = await loop.create_server(
                self.door.connection,
                sock=listener,
                backlog=_BACKLOG,
                ssl=context,
                ssl_handshake_timeout=handshake,
                ssl_shutdown_timeout=shutdown,
            )
        if self._renewal.needed:
            self._renewing = asyncio.create_task(self._renewal.run())
        self._deadlines.start()
        self._metrics.on_snapshot(self._collect)

    async def prepare(self) -> None:
        """Do all that `start` does but listen: begin to load keys, and make the door. For `explain`."""
        loop = asyncio.get_running_loop()
        await asyncio.gather(self._store.start(), *(source.start() for source in self._sources.values()))
        self._deadlines = Deadlines(loop, self._monotonic, Bugs(self._metrics.bugs("proxy")))
        self._pools = {
            name: UpstreamPool(
                upstream,
                self._deadlines,
                self._metrics.upstream(name),
                self._monotonic,
                self._upstream_tls(name, upstream),
            )
            for name, upstream in self.config.upstreams.items()
        }
        self.pipeline = self._pipeline()
        self.door = ProxyDoor(
            self.config.server,
            self.pipeline,
            HeaderPolicy(self.config.identity_headers, own=self._own_fields()),
            self._deadlines,
            self._metrics,
            self._access_log,
            self._security_log,
            self._wall,
            self._monotonic,
        )

    async def drain(self, seconds: float) -> None:
        """Accept nothing more, let open exchanges finish for at most `seconds`, then close everything.

        What was sent before that is answered, too, on connections that idle or that the kernel has made meanwhile: each
        answer says that it is the last one.
        """
        if self._renewing is not None:
            self._renewing.cancel()
        if self._server is not None:
            self.door.draining = True
            for _ in range(_ACCEPTING_TURNS):
                await asyncio.sleep(0)
            self._server.close()
            emptied = asyncio.create_task(self.door.drain(min(seconds / 4, _ON_THE_WAY_SECONDS)))
            if not (await asyncio.wait({emptied}, timeout=seconds))[0]:
                self.cut()
                # Each connection is told of its end in a later turn of the loop, and its request written down then.
                await asyncio.wait({emptied}, timeout=_CUTTING_SECONDS)
                emptied.cancel()
            self._deadlines.stop()
        for pool in self._pools.values():
            pool.close()
        await asyncio.gather(self._store.close(), *(source.close() for source in self._sources.values()))

    def cut(self) -> None:
        """Close what a drain has left open at once."""
        self.door.abort()

    def status(self) -> GatewayStatus:
        """Say how this worker is."""
        mono = self._monotonic()
        issuers = {name: source.status(mono) for name, source in self._sources.items()}
        listening = self._server is not None and not self.door.draining
        # With several issuers, the outage of one must not take the others' callers down with it.
        ready = listening and (not issuers or any(status.ready for status in issuers.values()))
        return GatewayStatus(ready, issuers, self._store.healthy())

    def _pipeline(self) -> Pipeline:
        issuers = self.config.issuers
        policies: dict[bytes, Policy] = {}
        table = RouteTable((route.match, self._route(route, policies)) for route in self.config.routes)
        verifier = TokenVerifier(issuers, self._sources)
        bugs = Bugs(self._metrics.bugs("decision"))
        jwt = JwtAuthenticator(verifier, self._cache, self.config.server.bounds.token_bytes)
        return Pipeline(table, (jwt,), issuers, bugs)

    def _route(self, route: RouteConfig, policies: dict[bytes, Policy]) -> Route:
        """Compile `route`; routes that ask for the same share one policy: a token is judged once for all of them."""
        terms = msgspec.json.encode((route.require.model_dump(), route.propagate, route.limit))
        policy = policies.get(terms)
        if policy is None:
            limiter = self._limiters[route.limit] if route.limit is not None else None
            policy = policies[terms] = Policy(compile_requirements(route.require), self._propagator(route), limiter)
        issuers = frozenset(self.config.issuers if route.issuers is None else route.issuers)
        return Route(
            route.name,
            self._believed.setdefault(issuers, issuers),
            policy,
            self._pools[route.upstream],
            self._metrics.route(route.name),
            anonymous=route.anonymous,
            websocket=route.websocket,
            origins=None if route.origins is None else frozenset(origin.encode() for origin in route.origins),
            websocket_cookie=(route.websocket_cookie or "").encode(),
        )

    def _propagator(self, route: RouteConfig) -> Propagator:
        if route.propagate == "pass-through":
            return PassThrough()
        return IdentityHeaderRenderer(self.config.identity_headers)

    def _listener_tls(self, tls: Tls) -> ssl.SSLContext:
        handshakes = Handshakes(tls.handshakes, self._metrics, self._security_log, self._wall, self._monotonic)
        context = CurrentContext(lambda: listener_context(tls, self._wall(), self._expiry), handshakes)
        self._renewal.watch("listener", context, listener_files(tls))
        return context

    def _upstream_tls(self, name: str, upstream: Upstream) -> ssl.SSLContext | None:
        if not upstream.targets[0].startswith("https:"):
            return None
        context = CurrentContext(lambda: upstream_context(upstream.tls, self._wall()))
        self._renewal.watch(f"upstream {name}", context, upstream_files(upstream.tls))
        return context

    def _expiry(self, certificate: int, ends: float) -> None:
        self._metrics.gauge(families.TLS_EXPIRY, str(certificate)).value = ends

    def _own_fields(self) -> tuple[str, ...]:
        """Names of the response fields that upstreams leave to the gateway."""
        tls = self.config.server.tls
        hsts = () if tls is None or tls.hsts is None else ("Strict-Transport-Security",)
        # On all routes: beside the gateway's own they would be one list with two meanings, and which route has a limit
        # is nothing that the meaning of a name may depend on.
        return (*hsts, "RateLimit", "RateLimit-Policy") if self.config.limits else hsts

    def _key_event(self, event: KeyEvent) -> None:
        """Tell the security log what happened to an issuer's keys."""
        kind = OF_KEY_EVENT[event.kind]
        self._security_log.write(kind, self._wall(), self._monotonic(), issuer=event.issuer, detail=event.detail)

    def _collect(self) -> None:
        """Bring the metrics up to date that are cheaper kept elsewhere."""
        metrics, mono = self._metrics, self._monotonic()
        metrics.token_cache_hits.value = self._cache.hits
        metrics.token_cache_misses.value = self._cache.misses
        metrics.loop_lag.value = self._deadlines.lag
        for name, source in self._sources.items():
            status, gauges = source.status(mono), metrics.issuer(name)
            gauges.keys.value = status.keys
            gauges.age.value = status.age
            gauges.stale.value = int(status.stale)
            gauges.failures.value = status.failures


def _listening_socket(config: Config) -> socket.socket:
    """Bind the listener so that several workers can share its port, each with a queue of its own."""
    host, port = config.server.listen
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
