from __future__ import annotations

from pathlib import Path

import pytest

from ostiary.config.shown import shown_path


@pytest.mark.parametrize(
    "path",
    [
        "/etc/ostiary/tls/api.example.com.pem",
        "/run/secrets/jobs-secret",
        "/run/secrets/jobs_2026",
        "/var/lib/pods/5e0f2a6c-8f5e-4a0e-9d5b-7c1f1f3a2b10/..2026_11_28_00_15_00.123456789/token",
        "/",
    ],
)
def test_paths_are_shown(path: str) -> None:
    assert shown_path(path) == path


def test_a_relative_path_is_made_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert shown_path("a/b.pem") == shown_path(Path("a/b.pem")) == "/a/b.pem"


@pytest.mark.parametrize(
    "secret",
    [
        "2f1c8e0b97a64d35b1e07c5a9d8f3460",
        "correct-horse-battery-staple-7731",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg",
        "valkeys:user:pa55@store",
        "a\x1b[2Jb",
        "ey.J0eXAiOiJhdCtqd3QiLCJhbGciOiJSUzI1NiJ9.sig",
        "x" * 65,
    ],
)
def test_what_may_be_a_secret_is_left_out(secret: str) -> None:
    """A variable with the secret itself, where the name of its file belongs."""
    assert shown_path(f"/etc/{secret}") == "/etc/…"
