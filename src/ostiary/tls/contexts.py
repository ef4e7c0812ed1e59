"""The two kinds of OpenSSL context, with the policy of this gateway and no more choices than the configuration has."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Final

from ostiary.tls.material import load_authorities, load_chain
from ostiary.tls.names import Names, dns_names
from ostiary.tls.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from ostiary.config.model import Tls, UpstreamTls

_CIPHERS: Final = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20"
"""TLS 1.2: forward secrecy and authenticated encryption only (RFC 9325 section 4.2). All of TLS 1.3's have both."""
_ALPN: Final = ("http/1.1",)
_VERSIONS: Final = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
_VERIFICATION: Final = {"optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def listener_context(tls: Tls, wall: float, expiry: Callable[[int, float], None]) -> ssl.SSLContext:
    """The context of a listener: its certificates by name, and its clients' authorities, valid at `wall`.

    `expiry` is told of each certificate, by its place, when it ends. Times are Unix seconds. Raises `Unusable`.
    """
    contexts = [_server(tls) for _ in tls.certificates]
    names: Names[ssl.SSLContext] = Names()
    for place, (context, certificate) in enumerate(zip(contexts, tls.certificates, strict=True)):
        leaf = load_chain(context, certificate.certificate, certificate.key, wall)
        for name in dns_names(leaf):
            names.add(name, context)
        expiry(place, leaf.not_valid_after_utc.timestamp())
    refuses = tls.unknown_name == "refuse"

    def choose(session: Session, name: str | None, _: ssl.SSLContext) -> int | None:
        session.server_name = name = name.lower() if name is not None else None
        chosen = names.find(name) if name is not None else None
        if chosen is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME if refuses else None
        session.context = chosen
        return None

    contexts[0].set_servername_callback(choose)  # type: ignore[arg-type]  # typed for any class of session
    contexts[0].sslobject_class = Session
    return contexts[0]


def upstream_context(tls: UpstreamTls | None, wall: float) -> ssl.SSLContext:
    """The context of connections to a service: always verified. Raises `Unusable`; `wall` as above."""
    context = _modern(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # which verifies certificate and name
    if tls is not None and tls.ca is not None:
        load_authorities(context, tls.ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if tls is not None and tls.client_certificate is not None:
        load_chain(context, tls.client_certificate.certificate, tls.client_certificate.key, wall)
    return context


def _server(tls: Tls) -> ssl.SSLContext:
    context = _modern(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.minimum_version = _VERSIONS[tls.minimum_version]
    if tls.client_certificates is not None:
        context.verify_mode = _VERIFICATION[tls.client_certificates.mode]
        load_authorities(context, tls.client_certificates.ca)
    return context


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(_ALPN)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


def listener_files(tls: Tls) -> list[str]:
    """Every file that `listener_context` reads."""
    files = [path for own in tls.certificates for path in (own.certificate, own.key)]
    return files if tls.client_certificates is None else [*files, tls.client_certificates.ca]


def upstream_files(tls: UpstreamTls | None) -> list[str]:
    """Every file of the configuration that `upstream_context` reads."""
    if tls is None:
        return []
    own = tls.client_certificate
    files = [] if own is None else [own.certificate, own.key]
    return files if tls.ca is None else [*files, tls.ca]
