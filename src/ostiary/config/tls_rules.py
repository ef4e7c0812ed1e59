"""What must hold of TLS: that its files can be used, now, and that it is asked for where it is spoken of."""

from __future__ import annotations

import ssl
import time
from functools import partial
from typing import TYPE_CHECKING

from ostiary.config.addresses import split
from ostiary.config.problem import Finding
from ostiary.tls.material import Unusable, load_authorities, load_chain, readable
from ostiary.tls.names import dns_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography import x509

    from ostiary.config.model import Certificate, Config, Tls, Upstream
    from ostiary.config.problem import Path


def tls(config: Config, clock: Callable[[], float] = time.time) -> Iterator[Finding]:
    """The listener's TLS and the upstreams', with every file that they name. `clock` returns Unix seconds."""
    server, wall = config.server, clock()
    if server.tls is not None:
        yield from _listener(server.tls, wall)
        if server.tls_terminated_by:
            yield Finding(
                ("server", "tls_terminated_by"),
                "names who terminates TLS in front of a listener that speaks TLS itself",
                "remove one of the two",
            )
    for name, upstream in config.upstreams.items():
        yield from _upstream(("upstreams", name), upstream, wall)


def _listener(section: Tls, wall: float) -> Iterator[Finding]:
    path: Path = ("server", "tls")
    for place, certificate in enumerate(section.certificates):
        yield from _pair((*path, "certificates", place), certificate, partial(_names, certificate, wall))
    if (clients := section.client_certificates) is not None:
        yield from _faults((*path, "client_certificates"), partial(load_authorities, _scratch(), clients.ca))


def _upstream(path: Path, upstream: Upstream, wall: float) -> Iterator[Finding]:
    schemes = [parts.scheme for target in upstream.targets if (parts := split(target)) is not None]
    for place, scheme in enumerate(schemes):
        if scheme != schemes[0]:
            first = (*path, "targets", 0)
            hint = "all https, or all http"
            yield Finding((*path, "targets", place), "is not spoken to as the first one is", hint, (first,))
    section = upstream.tls
    if section is None:
        return
    if schemes and "https" not in schemes:
        yield Finding((*path, "tls"), "is of no use to http targets", "write https://host:port", ((*path, "targets"),))
    if (ca := section.ca) is not None:
        yield from _faults((*path, "tls"), partial(load_authorities, _scratch(), ca))
    if (own := section.client_certificate) is not None:
        yield from _pair((*path, "tls", "client_certificate"), own, partial(_chain, own, wall))


def _pair(path: Path, certificate: Certificate, load: Callable[[], object]) -> Iterator[Finding]:
    """What is wrong with a certificate and its key, which `load` tells of the one that it meets first only."""
    found = list(_faults(path, load))
    yield from found
    if any(finding.path[-1] == "certificate" for finding in found):
        yield from _faults(path, partial(readable, "key", certificate.key))


def _faults(path: Path, load: Callable[[], object]) -> Iterator[Finding]:
    try:
        load()
    except Unusable as error:
        yield Finding((*path, error.part), error.message, error.hint)


def _chain(certificate: Certificate, wall: float) -> x509.Certificate:
    return load_chain(_scratch(), certificate.certificate, certificate.key, wall)


def _names(certificate: Certificate, wall: float) -> list[str]:
    return dns_names(_chain(certificate, wall))


def _scratch() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
