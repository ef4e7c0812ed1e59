"""Where the gateway listens, how, and how much of anything a caller may send."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ostiary.config.base import Model
from ostiary.config.references import FilePath
from ostiary.config.scalars import Count, Duration, Endpoint, Flag, Listen, Network, Size, Workers


class Bounds(Model):
    """How much of anything one caller may send (law 5)."""

    header_bytes: Size = Field(16 * 1024, ge=1024, le=1024 * 1024)
    """Request line and header block together."""
    header_count: Count = Field(100, ge=1, le=1000)
    """Header fields in one request."""
    target_bytes: Size = Field(8 * 1024, ge=64, le=1024 * 1024)
    """The request target."""
    body_bytes: Size = 10 * 1024 * 1024
    """The body of one request; 413 beyond it."""
    token_bytes: Size = Field(16 * 1024, ge=256, le=1024 * 1024)
    """One token; 401 beyond it."""
    chunk_line_bytes: Size = Field(4 * 1024, ge=64, le=64 * 1024)
    """The size of one chunk of a body, with its extensions."""
    trailer_bytes: Size = Field(8 * 1024, le=64 * 1024)
    """All trailers of a body together, which are dropped in any case."""
    pipelined: Count = Field(16, ge=1, le=1000)
    """Requests of one connection that may wait for their turn."""
    connections: Count = Field(20_000, ge=1)
    """Open client connections of one worker."""
    connections_per_address: Count = Field(2000, ge=1)
    """Open connections of one worker from one client address (IPv6: one /64). Not for proxies that are named in
    trusted_proxies or tls_terminated_by."""
    body_rate: Size = Field(64, le=1024 * 1024)
    """Bytes a second that a request body brings at least, over half a minute; 0: no such bound."""
    answer_rate: Size = Field(256, le=1024 * 1024)
    """Bytes a second that a client takes at least of an answer that it holds up, over timeouts.write; 0: any."""


class Timeouts(Model):
    """How long anything may take (law 5)."""

    header: Duration = Field(10.0, gt=0)
    """From the first byte of a request to the end of its header block."""
    body: Duration = Field(30.0, gt=0)
    """Between two pieces of a request body."""
    idle: Duration = Field(75.0, gt=0)
    """A kept-alive connection without a request."""
    write: Duration = Field(30.0, gt=0)
    """A client that takes nothing of its response; or less than bounds.answer_rate in this time."""
    total: Duration = Field(3600.0, gt=0)
    """From a request's header block to the end of its answer, however long it streams."""


class WebSockets(Model):
    """Bounds of the WebSockets that routes with `websocket: true` let through."""

    connections: Count = Field(10_000, ge=0)
    """Open WebSockets of one worker; they do not count among an upstream's connections."""
    idle: Duration = Field(300.0, gt=0)
    """One on which nothing passes, either way, not even a ping."""
    lifetime: Duration = Field(86400.0, gt=0)
    """From the opening to the end in any case."""
    grace: Duration = 30.0
    """How long one may outlast its caller's token."""


class Certificate(Model):
    """A certificate with its key, in PEM files that are read again when they change."""

    certificate: FilePath
    """Path of the certificate, followed by its intermediates, relative to the configuration."""
    key: FilePath
    """Path of its private key, without a passphrase."""


class ClientCertificates(Model):
    """What clients must show in the TLS handshake."""

    mode: Literal["optional", "required"]
    """Whether a client may do without. One that shows a certificate which cannot be verified is refused in any case."""
    ca: FilePath
    """Path of the PEM file with the authorities that are believed, and no others."""


class Hsts(Model):
    """Strict-Transport-Security (RFC 6797): browsers use this host over TLS only, for as long as they were told."""

    max_age: Duration = Field(180 * 86400.0, gt=0)
    """How long a browser remembers. It cannot be taken back sooner."""
    include_subdomains: Flag = False
    """Say so of all names below the host, too."""


class Tls(Model):
    """TLS of the listener: 1.2 and 1.3 with forward secrecy and authenticated encryption, and nothing else."""

    certificates: tuple[Certificate, ...] = Field(min_length=1, max_length=1000)
    """The gateway's own. A client gets the one with the name that it asks for; a wildcard stands for one label."""
    unknown_name: Literal["first", "refuse"] = "first"
    """What a client gets that asks for no name, or for one that no certificate has: the first, or no connection."""
    minimum_version: Literal["TLSv1.2", "TLSv1.3"] = "TLSv1.2"
    """Nothing older is spoken."""
    client_certificates: ClientCertificates | None = None
    """What clients must show. Absent: they are not asked."""
    hsts: Hsts | None = None
    """Tell browsers to use nothing but TLS with this host. Absent: not told."""
    handshake_timeout: Duration = Field(10.0, gt=0)
    """From the connection to the end of its handshake."""
    handshakes: Count = Field(2048, ge=1)
    """Handshakes of one worker that may be under way; connections beyond are closed."""
    reload_interval: Duration = Field(5.0, ge=0.1)
    """How often the files are looked at; a change is taken up once they have rested for one interval."""


class ProxyProtocol(Model):
    """The PROXY protocol, versions 1 and 2: which peers tell by it whose connections they pass on."""

    peers: tuple[Network, ...] = ()
    """Peers whose connections must begin with a PROXY header, and are closed otherwise. From others none is read."""
    timeout: Duration = Field(5.0, gt=0)
    """From the connection to the end of its header."""
    header_bytes: Size = Field(4 * 1024, ge=536, le=16 + 65535)
    """One header of version 2 with its extensions; version 1 has 107 at most."""
    waiting: Count = Field(1024, ge=1)
    """Connections of one worker whose header is not complete; connections beyond are closed."""


class Server(Model):
    """The listener and the workers behind it."""

    listen: Listen = Endpoint("127.0.0.1", 8080)
    """host:port of the gateway; IPv6 as [::1]:8080."""
    workers: Workers = "auto"
    """Worker processes; auto is one a processor."""
    tls: Tls | None = None
    """Speak TLS. Absent: plain HTTP."""
    tls_terminated_by: tuple[Network, ...] = ()
    """Peers that terminate TLS in front of a plain listener; needed to listen off loopback without TLS. Connections of
    others, but for this machine's own, are closed, whatever a PROXY header tells."""
    trusted_proxies: tuple[Network, ...] = ()
    """Peers whose X-Forwarded-*, Forwarded and X-Request-Id are believed."""
    proxy_protocol: ProxyProtocol = ProxyProtocol()
    """Peers that tell their clients' addresses by the PROXY protocol."""
    forwarded: Literal["x-forwarded", "forwarded", "both"] = "x-forwarded"
    """Which header family tells the upstream about the caller."""
    drain: Duration = 30.0
    """How long open requests may take to finish on shutdown."""
    bounds: Bounds = Bounds()
    """How much one caller may send."""
    timeouts: Timeouts = Timeouts()
    """How long anything may take."""
    websockets: WebSockets = WebSockets()
    """How many WebSockets, and for how long."""


class Admin(Model):
    """Health and metrics, apart from the traffic."""

    listen: Listen = Endpoint("127.0.0.1", 9090)
    """host:port of /health/live, /health/ready and /metrics."""
    allow_remote: Flag = False
    """Listen off loopback. Whoever reaches the listener then sees health and metrics, without authentication."""
