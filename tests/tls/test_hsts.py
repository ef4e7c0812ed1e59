from __future__ import annotations

import pytest

from ostiary.config.model import Certificate, Hsts, Tls
from ostiary.tls.hsts import hsts_field

OWN = (Certificate(certificate="a", key="b"),)


@pytest.mark.parametrize(
    "tls,line",
    [
        (None, b""),
        (Tls(certificates=OWN), b""),
        (Tls(certificates=OWN, hsts=Hsts()), b"Strict-Transport-Security: max-age=15552000\r\n"),
        (
            Tls(certificates=OWN, hsts=Hsts(max_age=1.5, include_subdomains=True)),
            b"Strict-Transport-Security: max-age=1; includeSubDomains\r\n",
        ),
    ],
)
def test_the_line(tls: Tls | None, line: bytes) -> None:
    assert hsts_field(tls) == line
