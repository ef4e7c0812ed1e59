"""What must hold between the values of a configuration. Each rule yields what breaks it."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from ostiary.config.addresses import is_loopback, machine, port_of, split
from ostiary.config.header_rules import identity_headers
from ostiary.config.issuer_rules import issuers
from ostiary.config.names import Names, unknown
from ostiary.config.problem import Finding
from ostiary.config.route_rules import routes
from ostiary.config.tls_rules import tls
from ostiary.limit.limiter import MAX_BURST, MAX_REFILL
from ostiary.stores.address import parse_address
from ostiary.tls.material import Unusable, load_authorities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ostiary.config.model import Config
    from ostiary.config.problem import Path
    from ostiary.config.scalars import Network

_ANONYMOUS: Final = "anonymous"


def findings(config: Config, names: Names | None = None) -> Iterator[Finding]:
    """Everything that is wrong between values.

    `names` are those that references may lead to, where `config` does not hold all that was written.
    """
    names = names or Names(frozenset(config.issuers), frozenset(config.upstreams), frozenset(config.limits))
    yield from _listeners(config)
    yield from _networks(config)
    yield from tls(config)
    yield from issuers(config)
    yield from _upstreams(config)
    yield from routes(config, names)
    yield from _tiers(config)
    yield from _limits(config)
    yield from identity_headers(config)
    yield from _store(config)


def _listeners(config: Config) -> Iterator[Finding]:
    server, admin = config.server, config.admin
    if not is_loopback(server.listen.host) and server.tls is None and not server.tls_terminated_by:
        yield Finding(
            ("server", "listen"),
            "would take tokens over plain HTTP from other machines",
            "listen on 127.0.0.1, set tls, or name the proxies that terminate it: tls_terminated_by: [10.0.0.0/8]",
            (("server", "tls_terminated_by"), ("server", "tls")),
        )
    if not is_loopback(admin.listen.host) and not admin.allow_remote:
        yield Finding(
            ("admin", "listen"),
            "would show health and metrics to other machines",
            "listen on 127.0.0.1, or set allow_remote: true",
            (("admin", "allow_remote"),),
        )
    if admin.listen == server.listen and server.listen.port:
        if "listen" in admin.model_fields_set:
            yield Finding(
                ("admin", "listen"),
                "is where the gateway itself listens",
                "give it another port",
                (("server", "listen"),),
            )
        else:  # what can be pointed at is the other one
            yield Finding(
                ("server", "listen"),
                "is where health and metrics are shown, if admin.listen says nothing else",
                "give it another port, or set admin.listen",
                (("admin", "listen"),),
            )


def _networks(config: Config) -> Iterator[Finding]:
    server = config.server
    named: dict[Path, tuple[Network, ...]] = {
        ("server", "tls_terminated_by"): server.tls_terminated_by,
        ("server", "trusted_proxies"): server.trusted_proxies,
        ("server", "proxy_protocol", "peers"): server.proxy_protocol.peers,
    }
    for path, networks in named.items():
        for place, network in enumerate(networks):
            if network.prefixlen == 0:
                yield Finding((*path, place), "trusts every address there is", "name the proxies' own networks")


def _upstreams(config: Config) -> Iterator[Finding]:
    listen, admin = ((machine(host), port) for host, port in (config.server.listen, config.admin.listen))
    for name, upstream in config.upstreams.items():
        path = ("upstreams", name, "targets")
        for place, target in enumerate(upstream.targets):
            parts = split(target)
            if parts is None:
                continue
            if upstream.targets.index(target) != place:
                yield Finding((*path, place), "is there twice")
            where = (machine(parts.hostname or ""), port_of(parts))
            if where == listen:
                yield Finding(
                    (*path, place), "is the gateway itself: requests would go in circles", "", (("server", "listen"),)
                )
            elif where == admin:
                yield Finding((*path, place), "is the admin listener: callers would see it", "", (("admin", "listen"),))


def _tiers(config: Config) -> Iterator[Finding]:
    known = config.tiers.names
    for place, name in enumerate(known):
        if known.index(name) != place:
            yield Finding(("tiers", "names", place), "is there twice")
        elif name == _ANONYMOUS:
            yield Finding(("tiers", "names", place), "is always the lowest tier and not listed", "remove it")
    for value, tier in config.tiers.values.items():
        if tier not in known:
            yield unknown(("tiers", "values", value), tier, known, "tier")._replace(rests_on=(("tiers", "names"),))


def _limits(config: Config) -> Iterator[Finding]:
    known = (_ANONYMOUS, *config.tiers.names)
    for name, limit in config.limits.items():
        for tier, bucket in limit.tiers.items():
            path = ("limits", name, "tiers", tier)
            if tier not in known:
                yield unknown(path, tier, known, "tier")._replace(rests_on=(("tiers", "names"),))
            if bucket.burst > MAX_BURST:
                yield Finding((*path, "burst"), f"is more than {MAX_BURST}")
            elif bucket.burst / bucket.rate > MAX_REFILL:
                yield Finding((*path, "rate"), "would take more than ten years to fill the burst")


def _store(config: Config) -> Iterator[Finding]:
    if config.store is None:
        return
    path = ("store", "url")
    try:
        address = parse_address(config.store.url.get_secret_value().decode())
        if address.ca is not None:
            load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), address.ca)
    except UnicodeDecodeError:
        yield Finding(path, "is not UTF-8")
    except ValueError as error:
        yield Finding(path, f"cannot be used: {error}")
    except Unusable as error:
        yield Finding(path, f"names a ca that {error.message}", "it is a path on this machine: ?ca=/etc/ssl/store.pem")
