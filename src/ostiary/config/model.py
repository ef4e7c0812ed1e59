"""What an operator can write: the configuration as frozen types.

Every model refuses unknown keys (law 6). Durations are seconds, sizes are bytes, rates are tokens per second, whatever
the unit they were written in. Defaults are those of the documented table; each field's description becomes the JSON
Schema that editors complete from.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ostiary.config.addresses import CheckPath, Origin, Target, Url
from ostiary.config.references import FilePath, LogPath, Secret
from ostiary.config.scalars import (
    ClaimValue,
    Count,
    Duration,
    Endpoint,
    Flag,
    Listen,
    Network,
    Rate,
    ServerError,
    Share,
    Size,
    Status,
    Workers,
)
from ostiary.config.words import HeaderName, Method, Name, Scope, Text

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
    "HS256", "HS384", "HS512",
]  # fmt: skip


class Model(BaseModel):
    """Base of every section: frozen, no unknown keys, described by the attribute docstrings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


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
    pipelined: Count = Field(16, ge=1, le=1000)
    """Requests of one connection that may wait for their turn."""
    connections: Count = Field(20_000, ge=1)
    """Open client connections of one worker."""
    connections_per_address: Count = Field(1000, ge=1)
    """Open connections of one worker from one client address (IPv6: one /64). Not for proxies that are named in
    trusted_proxies or tls_terminated_by."""
    body_rate: Size = Field(64, le=1024 * 1024)
    """Bytes a second that a request body brings at least, over half a minute; 0: no such bound."""


class Timeouts(Model):
    """How long anything may take (law 5)."""

    header: Duration = Field(10.0, gt=0)
    """From the first byte of a request to the end of its header block."""
    body: Duration = Field(30.0, gt=0)
    """Between two pieces of a request body."""
    idle: Duration = Field(75.0, gt=0)
    """A kept-alive connection without a request."""
    write: Duration = Field(30.0, gt=0)
    """A client that takes nothing of its response."""
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


class UpstreamTls(Model):
    """TLS towards a service. Its certificate is verified in any case; nothing here can turn that off."""

    ca: FilePath | None = None
    """Path of the PEM file with the authorities that are believed. Absent: those of the system."""
    client_certificate: Certificate | None = None
    """What the gateway shows if it is asked. Absent: nothing."""
    server_name: Text | None = None
    """The name asked for and verified, of all targets. Absent: the host of each."""


class Server(Model):
    """The listener and the workers behind it."""

    listen: Listen = Endpoint("127.0.0.1", 8080)
    """host:port of the gateway; IPv6 as [::1]:8080."""
    workers: Workers = "auto"
    """Worker processes; auto is one a processor."""
    tls: Tls | None = None
    """Speak TLS. Absent: plain HTTP."""
    tls_terminated_by: tuple[Network, ...] = ()
    """Peers that terminate TLS in front of a plain listener; needed to listen off loopback without TLS."""
    trusted_proxies: tuple[Network, ...] = ()
    """Peers whose X-Forwarded-*, Forwarded and X-Request-Id are believed."""
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


class Keys(Model):
    """Where an issuer's keys come from: exactly one of the sources, and how they are kept fresh."""

    discovery: Flag = False
    """Find the JWKS through the issuer's OpenID discovery document."""
    jwks_url: Url | None = None
    """URL of the JWKS."""
    file: FilePath | None = None
    """Path of a local JWKS file, relative to the configuration."""
    inline: dict[str, object] | None = None
    """The JWKS itself."""
    secret: Secret | None = None
    """Shared secret of HS* algorithms: at least 32 bytes, from ${ENV} or a secret file."""
    ttl: Duration = Field(300.0, gt=0)
    """Age at which a key set is due for refetching; the refresh starts at 75 % of it."""
    timeout: Duration = Field(5.0, gt=0)
    """The whole fetch, redirects included."""
    cooldown: Duration = Field(30.0, gt=0)
    """Least time between two refreshes caused by an unknown kid."""
    stale: Duration = 3600.0
    """How long past its TTL a key set serves while the provider fails; then 503."""
    max_bytes: Size = Field(512 * 1024, ge=1024, le=64 * 1024 * 1024)
    """Largest JWKS or discovery document read."""
    max_keys: Count = Field(100, ge=1, le=1000)
    """Most keys of one set."""
    allow_insecure_http: Flag = False
    """Fetch keys over plain HTTP from a host other than loopback. Unsafe outside development."""


class Claims(Model):
    """Where in the token to find what the gateway passes on; dots descend into objects."""

    scopes: tuple[Text, ...] = ("scope", "scopes", "scp")
    """First present wins: a space-separated string or an array."""
    roles: tuple[Text, ...] = ("roles",)
    """First present wins: an array of strings, or one string."""
    email: Text = "email"
    """The e-mail address."""
    tenant: Text = "tenant_id"
    """Whose data it is."""
    organisation: Text = "org_id"
    """The organisation."""
    plan: Text = "plan"
    """The plan that the tenant pays for."""
    tier: Text = "tier"
    """The claim that chooses the caller's rate-limit tier."""


class Issuer(Model):
    """One party whose tokens are believed, with its own keys."""

    issuer: Text
    """The exact `iss` value."""
    audiences: tuple[Text, ...] = Field(min_length=1)
    """Accepted `aud` values."""
    algorithms: tuple[Algorithm, ...] = Field(min_length=1)
    """Accepted algorithms; HS* never together with asymmetric ones."""
    keys: Keys
    """Where its keys come from."""
    token_types: tuple[Text, ...] = ("JWT", "at+jwt")
    """Accepted `typ` header values; an absent typ is accepted."""
    clock_tolerance: Duration = Field(30.0, ge=0, le=60)
    """Leeway on exp, nbf and iat."""
    require_exp: Flag = True
    """Refuse tokens that never expire."""
    require_sub: Flag = True
    """Refuse tokens without a subject."""
    claims: Claims = Claims()
    """Where things are in its tokens."""


class HealthCheck(Model):
    """A request of the gateway's own that each worker sends to each target."""

    path: CheckPath
    """What is asked for, with GET."""
    interval: Duration = Field(10.0, ge=1)
    """From one check of a target to its next."""
    timeout: Duration = Field(2.0, gt=0)
    """For the whole check, from connecting to the answer's headers."""
    passes: Count = Field(2, ge=1)
    """Checks in a row that a target that is down must pass."""
    failures: Count = Field(3, ge=1)
    """Checks in a row that a target fails before it is down."""
    statuses: tuple[Status, ...] = Field((200, 204), min_length=1)
    """Statuses that pass."""


class Health(Model):
    """When a target of an upstream is left out."""

    failures: Count = Field(3, ge=1)
    """Failures in a row after which a target rests."""
    rest: Duration = Field(10.0, gt=0)
    """How long a failed target is left out, if another is up; then one request in as long tries it."""
    failing_statuses: tuple[ServerError, ...] = ()
    """Statuses that count as failures, here and for the circuit: [500, 503]. The answers are passed on all the same."""
    check: HealthCheck | None = None
    """Ask the targets how they are. Absent: only requests tell."""


class Circuit(Model):
    """When an upstream is spared all requests, which are then answered with 503."""

    failures: Count = Field(5, ge=0)
    """Failures in a row, whichever the target, after which the circuit opens; 0: never."""
    recover_after: Duration = Field(30.0, gt=0)
    """How long it is open before probes are let through."""
    probes: Count = Field(2, ge=1)
    """Requests let through then; all of them must end well to close it, and one that fails opens it again."""


class Retries(Model):
    """How many requests may be sent again that failed in a way that makes repeating safe."""

    share: Share = Field(0.2, ge=0, le=1)
    """For each answered request."""
    per_second: Count = Field(10, ge=0)
    """Beside that share. What is not used is kept for ten seconds."""


class Upstream(Model):
    """A service behind the gateway."""

    targets: tuple[Target, ...] = Field(min_length=1)
    """http://host:port or https://host:port of each instance."""
    tls: UpstreamTls | None = None
    """How https targets are spoken to. Absent: verified by the system's authorities."""
    balance: Literal["least-loaded", "round-robin"] = "least-loaded"
    """Which target a request goes to: the one with the fewest of the worker's requests, or each in turn."""
    connections: Count = Field(256, ge=1)
    """Open connections per worker and target."""
    queue: Count = Field(1024, ge=0)
    """Requests per worker that may wait for a connection."""
    queue_timeout: Duration = Field(2.0, gt=0)
    """How long a request may wait for a connection to be free."""
    connect_timeout: Duration = Field(2.0, gt=0)
    """To open a connection."""
    first_byte_timeout: Duration = Field(30.0, gt=0)
    """From the request sent to the response's header block."""
    read_timeout: Duration = Field(30.0, gt=0)
    """Between two pieces of a response."""
    keep_alive: Duration = Field(60.0, gt=0)
    """How long an idle connection is kept."""
    health: Health = Health()
    """When a target is left out."""
    circuit: Circuit = Circuit()
    """When the whole upstream is spared."""
    retries: Retries = Retries()
    """How much may be repeated."""


class Bucket(Model):
    """A token bucket."""

    rate: Rate
    """Refill: 100/s, 5/min, 3/h."""
    burst: Count = Field(ge=1)
    """Capacity, in requests."""


class Limit(Model):
    """A limit that routes name; every route naming it draws from the same buckets."""

    key: Literal["identity", "client_address"] = "identity"
    """Whose bucket: issuer and subject (client address for anonymous callers), or always the client address."""
    tiers: dict[Name, Bucket] = Field(min_length=1)
    """A bucket for each tier; a caller whose tier has no bucket takes the one of the nearest lower tier listed."""
    on_store_failure: Literal["open", "closed"] = "closed"
    """With the store away: let through without RateLimit fields, or refuse with 503."""


class Tiers(Model):
    """Names of the tiers, lowest first; `anonymous` is always below them."""

    names: tuple[Name, ...] = Field(("free", "premium", "enterprise"), min_length=1)
    """Lowest first."""
    values: dict[str, Text] = {}
    """Claim value to tier name, where they differ."""


class Match(Model):
    """Which requests a route speaks of."""

    hosts: tuple[Text, ...] = Field(("*",), min_length=1)
    """Exact host, *.suffix for its subdomains, or * for any."""
    path: Text
    """Literal segments, {name} for one segment, and a final /** for the rest."""
    methods: tuple[Method, ...] | None = Field(None, min_length=1)
    """Methods, upper case; absent: all."""


class ClaimRule(Model):
    """A condition on one claim: exactly one of the kinds."""

    claim: Text
    """Claim name; dots descend into objects."""
    one_of: tuple[ClaimValue, ...] | None = None
    """The claim (or one element of it, if an array) equals one of these."""
    domain: tuple[Text, ...] | None = None
    """The claim is an address with exactly one @ and one of these domains."""


class Require(Model):
    """What an identity must have; all of it."""

    scopes: tuple[Scope, ...] = ()
    """All of these."""
    any_scope: tuple[Scope, ...] | None = None
    """At least one of these."""
    roles: tuple[Text, ...] | None = None
    """At least one of these."""
    claims: tuple[ClaimRule, ...] = ()
    """Each of these."""


class Route(Model):
    """One rule: which requests, who may send them, how much, and where to."""

    name: Name
    """Names the route in logs and metrics."""
    match: Match
    """Which requests."""
    upstream: Text
    """Name of the upstream that requests go to."""
    issuers: tuple[Text, ...] | None = None
    """Issuers whose tokens are accepted here; absent: all configured. An empty list accepts none."""
    anonymous: Flag = False
    """Let requests through that carry no credential at all."""
    require: Require = Require()
    """What their callers must have."""
    limit: Text | None = None
    """Name of the limit that callers are held to; absent: none."""
    propagate: Literal["headers", "pass-through"] = "headers"
    """How the upstream is told who calls: identity headers, or the original Authorization."""
    websocket: Flag = False
    """Let callers open WebSockets. Without it such a wish is ignored."""
    origins: tuple[Origin, ...] | None = None
    """Origins of the pages that may open WebSockets: [https://app.example.com]. Absent: any; an empty list: none."""


class IdentityHeaders(Model):
    """Names of the headers that carry the identity; null leaves one out.

    All of them, in any spelling, are stripped from requests.
    """

    user_id: HeaderName | None = "X-User-Id"
    """The subject."""
    user_email: HeaderName | None = "X-User-Email"
    """The e-mail address."""
    user_roles: HeaderName | None = "X-User-Roles"
    """The roles, separated by commas."""
    tenant_id: HeaderName | None = "X-Tenant-Id"
    """The tenant."""
    org_id: HeaderName | None = "X-Org-Id"
    """The organisation."""
    tenant_plan: HeaderName | None = "X-Tenant-Plan"
    """The plan."""
    token_issuer: HeaderName | None = "X-Token-Issuer"  # noqa: S105 - a header name
    """The issuer: its `iss`."""
    token_scopes: HeaderName | None = "X-Token-Scopes"  # noqa: S105 - a header name
    """The scopes, separated by spaces."""
    token_expires: HeaderName | None = "X-Token-Expires"  # noqa: S105 - a header name
    """When the token expires, in seconds since 1970."""
    session_id: HeaderName | None = "X-Session-Id"
    """The session. Not filled in yet, but stripped."""
    also_strip: tuple[HeaderName, ...] = ()
    """Further headers that callers may never set."""


class Store(Model):
    """Where shared limits live."""

    url: Secret
    """valkey://, valkeys:// (also redis://, rediss://), unix:///path, valkey+sentinel://h1:p,h2:p/service, valkey+cluster://h:p."""
    connect_timeout: Duration = Field(0.5, gt=0)
    """To open a connection."""
    command_timeout: Duration = Field(0.1, gt=0)
    """From asking to the answer; then the store counts as away."""
    prefix: Name = "ostiary"
    """Start of every key."""


class TokenCache(Model):
    """Verified tokens kept per worker."""

    entries: Count = Field(20_000, ge=0)
    """Most tokens kept; 0 verifies every token anew."""


class AccessLog(Model):
    """One JSON line a request."""

    mode: Literal["off", "on", "sampled"] = "on"
    """Which requests are written."""
    sample: Share = Field(0.01, gt=0, le=1)
    """Share of requests written when sampled; refusals and 5xx are always written."""
    path: LogPath = "-"
    """File, or - for standard output."""


class SecurityLog(Model):
    """One JSON line for each event that a security team wants to see."""

    path: LogPath = "stderr"
    """File, or `stdout`, or `stderr`."""


class Observe(Model):
    """What is seen from outside."""

    access_log: AccessLog = AccessLog()
    """What requests there were."""
    security_log: SecurityLog = SecurityLog()
    """What a security team wants to see."""


class Config(Model):
    """The whole of `ostiary.yaml`."""

    server: Server = Server()
    """Where requests are taken, by how many workers, and what one caller may ask of them."""
    admin: Admin = Admin()
    """The listener of health and metrics."""
    issuers: dict[Name, Issuer] = {}
    """Who is believed, by a name of yours."""
    upstreams: dict[Name, Upstream] = Field(min_length=1)
    """The services behind, by a name of yours."""
    routes: tuple[Route, ...] = Field(min_length=1)
    """Which requests are let through, who may send them, and where to."""
    limits: dict[Name, Limit] = {}
    """The limits that routes name."""
    tiers: Tiers = Tiers()
    """The classes of callers that limits tell apart."""
    identity_headers: IdentityHeaders = IdentityHeaders()
    """How upstreams are told who calls."""
    store: Store | None = None
    """Where limits are counted. Absent: memory for one worker, an embedded Valkey for several."""
    token_cache: TokenCache = TokenCache()
    """The verified tokens that are remembered."""
    observe: Observe = Observe()
    """What is written down."""
