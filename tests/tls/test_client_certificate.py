from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from ostiary.tls.client_certificate import ClientCertificate, read_client_certificate
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path, *names: str) -> ClientCertificate:
    pair = Authority(folder).issue("orders", *names, client=True)
    return read_client_certificate(ssl.PEM_cert_to_DER_cert(pair.certificate.read_text()))


def test_what_it_says(tmp_path: Path) -> None:
    found = read(tmp_path, "orders.internal", "spiffe://internal/orders", "ops@internal.example", "10.0.0.1", "::1")
    assert (found.subject, found.issuer) == ("CN=orders", "CN=ca")
    assert (found.dns_names, found.uris, found.emails, found.addresses) == (
        ("orders.internal",), ("spiffe://internal/orders",), ("ops@internal.example",), ("10.0.0.1", "::1"),
    )  # fmt: skip
    assert len(found.fingerprint) == 64
    assert found.serial > 0


def test_validity_includes_its_ends(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found.dns_names == ()
    for wall, valid in (
        (found.not_before - 1, False),
        (found.not_before, True),
        (found.not_after, True),
        (found.not_after + 1, False),
    ):
        assert found.valid(wall) is valid


@pytest.mark.parametrize("der", [b"", b"0", b"0\x03\x02\x01\x00"])
def test_what_is_no_certificate(der: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_client_certificate(der)
