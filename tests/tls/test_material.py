from __future__ import annotations

import os
import ssl
import time
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from ostiary.tls.material import MAX_BYTES, Unusable, load_authorities, load_chain
from tests.support.certificates import DAY, Authority

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.certificates import Pair


@pytest.fixture
def context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Authority(tmp_path).issue("own", "a.example")


def load(context: ssl.SSLContext, pair: Pair, wall: float | None = None) -> str:
    chain = load_chain(context, str(pair.certificate), str(pair.key), time.time() if wall is None else wall)
    return chain.subject.rfc4514_string()


def test_a_good_pair(context: ssl.SSLContext, pair: Pair) -> None:
    assert load(context, pair) == "CN=own"


def test_validity(context: ssl.SSLContext, pair: Pair) -> None:
    month = 31 * DAY.total_seconds()
    with pytest.raises(Unusable, match="has expired"):
        load(context, pair, time.time() + month)
    with pytest.raises(Unusable, match="is not valid yet"):
        load(context, pair, time.time() - month)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_what_is_no_certificate(context: ssl.SSLContext, pair: Pair, content: bytes) -> None:
    pair.certificate.write_bytes(content)
    with pytest.raises(Unusable, match="holds no certificate") as caught:
        load(context, pair)
    assert caught.value.part == "certificate"


def test_half_a_chain(context: ssl.SSLContext, pair: Pair) -> None:
    """A file that is being written."""
    whole = pair.certificate.read_bytes()
    pair.certificate.write_bytes(whole + whole[:100])
    with pytest.raises(Unusable):
        load(context, pair)


def test_keys_that_cannot_be_used(context: ssl.SSLContext, pair: Pair, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other").issue("another", "a.example")
    good = pair.key.read_bytes()
    key = serialization.load_pem_private_key(good, None)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pass")
    )
    for content, message in (
        (other.key.read_bytes(), "is not the key of the certificate"),
        (locked, "holds no usable private key"),
        (good[:-40], "holds no usable private key"),
        (b"", "holds no usable private key"),
    ):
        pair.key.write_bytes(content)
        with pytest.raises(Unusable, match=message) as caught:
            load(context, pair)
        assert caught.value.part == "key"
        assert str(tmp_path) not in str(caught.value)


def test_weak_certificates(context: ssl.SSLContext, tmp_path: Path) -> None:
    context.set_ciphers("DEFAULT:@SECLEVEL=2")
    with pytest.raises(Unusable, match="is too weak"):
        load(context, Authority(tmp_path).issue("own", "a.example", rsa_bits=1024))


@pytest.mark.parametrize("what", ["certificate", "key", "ca"])
def test_what_is_no_file(context: ssl.SSLContext, pair: Pair, tmp_path: Path, what: str) -> None:
    """Nothing is waited for, and nothing large is read."""
    path = {"certificate": pair.certificate, "key": pair.key, "ca": tmp_path / "ca.pem"}[what]

    def told() -> str:
        with pytest.raises(Unusable) as caught:
            load_authorities(context, str(path)) if what == "ca" else load(context, pair)
        assert caught.value.part == what
        return caught.value.message

    path.write_bytes(b"#" * (MAX_BYTES + 1))
    assert told() == f"is larger than {MAX_BYTES} bytes: {path}"
    path.unlink()
    assert told() == f"cannot be read: No such file or directory: {path}"
    path.mkdir()
    assert told() in {f"cannot be read: Is a directory: {path}", f"is not a regular file: {path}"}
    path.rmdir()
    os.mkfifo(path)
    assert told() == f"is not a regular file: {path}"


def test_authorities(context: ssl.SSLContext, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    load_authorities(context, str(authority.ca))
    assert context.cert_store_stats()["x509_ca"] == 1
    authority.ca.write_text("# none\n")
    with pytest.raises(Unusable, match="holds no certificate"):
        load_authorities(context, str(authority.ca))
