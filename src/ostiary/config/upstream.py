"""The services behind the gateway."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ostiary.config.addresses import CheckPath, Target
from ostiary.config.base import Model
from ostiary.config.listener import Certificate
from ostiary.config.references import FilePath
from ostiary.config.scalars import Count, Duration, ServerError, Share, Size, Status
from ostiary.config.words import Text


class UpstreamTls(Model):
    """TLS towards a service. Its certificate is verified in any case; nothing here can turn that off."""

    ca: FilePath | None = None
    """Path of the PEM file with the authorities that are believed. Absent: those of the system."""
    client_certificate: Certificate | None = None
    """What the gateway shows if it is asked. Absent: nothing."""
    server_name: Text | None = None
    """The name asked for and verified, of all targets. Absent: the host of each."""


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


class SlowClients(Model):
    """When clients that do not take their answers, or send their requests on, are cut for others who wait."""

    share: Share = Field(0.5, ge=0, le=1)
    """Of the connections, those that such clients keep all the same; one network of them crowds at a quarter of it."""
    grace: Duration = Field(1.0, gt=0)
    """How long an answer may be held up, unless its client's network crowds; and a request, in any case."""


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
    slow_clients: SlowClients = SlowClients()
    """What those who do not take their answers, or send their requests on, may keep from those who wait."""
    header_bytes: Size = Field(64 * 1024, ge=1024, le=1024 * 1024)
    """Status line and header block of a response together; 502 beyond it."""
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
