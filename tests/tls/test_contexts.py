from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

import pytest

from ostiary.config.model import Certificate, ClientCertificates, Tls, UpstreamTls
from ostiary.tls.contexts import listener_context, listener_files, upstream_context, upstream_files
from ostiary.tls.material import Unusable
from tests.support.certificates import DAY, Authority, Pair

if TYPE_CHECKING:
    from pathlib import Path


def own(pair: Pair) -> Certificate:
    return Certificate(certificate=str(pair.certificate), key=str(pair.key))


def test_a_listener(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pairs = own(authority.issue("a", "a.example")), own(authority.issue("b", "b.example", ends=DAY))
    clients = ClientCertificates(mode="required", ca=str(authority.ca))
    tls = Tls(certificates=pairs, client_certificates=clients, minimum_version="TLSv1.3")
    ends: dict[int, float] = {}
    context = listener_context(tls, time.time(), ends.__setitem__)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_COMPRESSION
    assert {place: round((end - time.time()) / DAY.total_seconds()) for place, end in ends.items()} == {0: 30, 1: 1}
    assert listener_files(tls) == [
        *(path for pair in pairs for path in (pair.certificate, pair.key)), str(authority.ca),
    ]  # fmt: skip
    assert {cipher["kea"] for cipher in context.get_ciphers()} <= {"kx-ecdhe", "kx-any"}
    assert all(cipher["aead"] for cipher in context.get_ciphers())


def test_all_or_nothing(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pairs = own(authority.issue("a", "a.example")), own(authority.issue("b", "b.example", ends=-DAY / 2))
    with pytest.raises(Unusable, match="has expired"):
        listener_context(Tls(certificates=pairs), time.time(), lambda *_: None)


@pytest.mark.parametrize("tls", [None, UpstreamTls()])
def test_services_are_verified_without_being_asked_to(tls: UpstreamTls | None) -> None:
    context = upstream_context(tls, time.time())
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert upstream_files(tls) == []


def test_an_own_authority_is_the_only_one(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = own(authority.issue("a", client=True))
    tls = UpstreamTls(ca=str(authority.ca), client_certificate=pair)
    assert upstream_context(tls, time.time()).cert_store_stats()["x509"] == 1
    assert sorted(upstream_files(tls)) == sorted([pair.certificate, pair.key, str(authority.ca)])
