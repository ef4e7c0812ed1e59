from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ostiary.config.tls_rules import tls
from tests.support.certificates import DAY, Authority
from tests.support.configuration import problems, read, sound

if TYPE_CHECKING:
    from pathlib import Path

SERVER = "\n  listen: 0.0.0.0:8443\n  tls:\n    certificates: [{{certificate: {0}.pem, key: {1}.key}}]\n"
SECURE = '\n  api:\n    targets: ["https://api.internal"]\n    tls: '


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    authority = Authority(tmp_path)
    authority.issue("own", "a.example")
    authority.issue("other", "b.example")
    authority.issue("old", "a.example", ends=-DAY / 2)
    authority.issue("nameless")
    return tmp_path


@pytest.mark.parametrize(
    "sections",
    [
        {"server": SERVER.format("own", "own")},
        {"server": SERVER.format("own", "own") + "    client_certificates: {mode: required, ca: ca.pem}"},
        {"server": SERVER.format("own", "own") + "    hsts: {max_age: 365d}\n    minimum_version: TLSv1.3"},
        {"upstreams": '{api: {targets: ["https://api.internal", "https://127.0.0.1:8443"]}}'},
        {
            "upstreams": SECURE
            + "{ca: ca.pem, server_name: x, client_certificate: {certificate: own.pem, key: own.key}}"
        },
    ],
)
def test_sound(folder: Path, sections: dict[str, str]) -> None:
    """With TLS, the listener may be reached from other machines."""
    read(sound(**sections), folder=folder)


@pytest.mark.parametrize(
    "sections,path,line,message",
    [
        ({"server": SERVER.format("old", "old")}, "certificates[0].certificate", 10, "has expired"),
        ({"server": SERVER.format("own", "other")}, "certificates[0].key", 10, "is not the key of the certificate"),
        ({"server": SERVER.format("none", "own")}, "certificates[0].certificate", 10, "cannot be read: No such file"),
        ({"server": SERVER.format("own", "none")}, "certificates[0].key", 10, "cannot be read: No such file"),
        ({"server": SERVER.format("nameless", "nameless")}, "certificates[0].certificate", 10, "names no host"),
        (
            {"server": SERVER.format("own", "own") + "    client_certificates: {mode: required, ca: own.key}"},
            "server.tls.client_certificates.ca",
            11,
            "holds no certificate",
        ),
        (
            {"server": SERVER.format("own", "own") + "  tls_terminated_by: [10.0.0.0/8]"},
            "server.tls_terminated_by",
            11,
            "names who terminates TLS",
        ),
        ({"server": SERVER.format("own", "own") + "    minimum_version: TLSv1.1"}, "minimum_version", 11, ""),
        ({"server": SERVER.format("own", "own") + "    verify: false"}, "server.tls.verify", 11, ""),
        ({"server": "{listen: '0.0.0.0:80', tls: {certificates: []}}"}, "server.tls.certificates", 7, ""),
        ({"upstreams": SECURE + "{ca: own.key}"}, "upstreams.api.tls.ca", 6, "holds no certificate"),
        ({"upstreams": SECURE + "{verify: false}"}, "upstreams.api.tls.verify", 6, ""),
        (
            {"upstreams": SECURE + "{client_certificate: {certificate: own.pem, key: other.key}}"},
            "upstreams.api.tls.client_certificate.key",
            6,
            "is not the key of the certificate",
        ),
        (
            {"upstreams": '{api: {targets: ["http://a"], tls: {ca: ca.pem}}}'},
            "upstreams.api.tls",
            3,
            "is of no use to http targets",
        ),
        (
            {"upstreams": '{api: {targets: ["https://a", "http://b"]}}'},
            "upstreams.api.targets[1]",
            3,
            "is not spoken to as the first one is",
        ),
    ],
)
def test_refused(folder: Path, sections: dict[str, str], path: str, line: int, message: str) -> None:
    (problem,) = problems(sound(**sections), folder=folder)
    assert problem.path.endswith(path)
    assert message in problem.message
    assert problem.line == line
    assert "PRIVATE" not in str(problem)


@pytest.mark.parametrize("certificate,why", [("none", "cannot be read"), ("old", "has expired")])
def test_of_a_certificate_and_its_key_both_are_told(folder: Path, certificate: str, why: str) -> None:
    """The second mistake is not kept for the next try, and each file is named."""
    first, second = problems(sound(server=SERVER.format(certificate, "nope")), folder=folder)
    assert why in first.message
    assert second.path == "server.tls.certificates[0].key"
    assert second.message == f"cannot be read: No such file or directory: {folder}/nope.key"


def test_the_time_is_the_caller_s(folder: Path) -> None:
    config = read(sound(server=SERVER.format("own", "own")), folder=folder)
    assert list(tls(config)) == []
    (finding,) = tls(config, lambda: time.time() + 31 * DAY.total_seconds())
    assert finding.message == "has expired"
