from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from ostiary.tls.material import Unusable
from ostiary.tls.names import Names, dns_names
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name,value",
    [
        ("a.example", 1),
        ("x.example", 2),
        ("b.example", 2),
        ("y.x.example", 3),
        ("z.y.x.example", None),
        ("example", None),
        ("", None),
        (".example", None),
    ],
)
def test_find(name: str, value: int | None) -> None:
    names: Names[int] = Names()
    for known, found in (("A.example", 1), ("*.Example", 2), ("*.x.example", 3), ("a.example", 4)):
        names.add(known, found)
    assert names.find(name) == value


def test_names_of_certificates(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def names(file: str, *given: str) -> list[str]:
        return dns_names(x509.load_pem_x509_certificate(authority.issue(file, *given).certificate.read_bytes()))

    assert names("a", "a.example", "127.0.0.1", "*.b.example", "x@a.example") == ["a.example", "*.b.example"]
    assert names("b", "127.0.0.1") == []
    with pytest.raises(Unusable, match="names no host"):
        names("common-name.example")
