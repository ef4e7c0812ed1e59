from __future__ import annotations

import shutil
import ssl
from typing import TYPE_CHECKING

import pytest

from ostiary.tls.current import CurrentContext
from ostiary.tls.material import Unusable
from tests.support.certificates import Authority
from tests.tls.memory import Ground, Wired

if TYPE_CHECKING:
    from pathlib import Path


def test_the_next_connection_gets_the_new_one(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    living = Wired(ground.context, ground.client())
    other = Authority(tmp_path, "other")
    new = other.issue("new", "a.example")
    shutil.copy(new.certificate, ground.own.certificate)
    with pytest.raises(Unusable, match="not the key"):
        ground.context.renew()
    Wired(ground.context, ground.client()).shake()  # it is as it was
    shutil.copy(new.key, ground.own.key)
    ground.context.renew()
    living.shake()  # it has begun with the old one
    with pytest.raises(ssl.SSLCertVerificationError):
        Wired(ground.context, ground.client()).shake()
    Wired(ground.context, ssl.create_default_context(cafile=str(other.ca))).shake()


def test_the_first_must_be_good() -> None:
    def build() -> ssl.SSLContext:
        raise Unusable("key", "is none")

    with pytest.raises(Unusable):
        CurrentContext(build)


def test_a_client_s_context(tmp_path: Path) -> None:
    """Nothing is counted where connections are the gateway's own."""
    ground = Ground(tmp_path)
    Wired(ground.context, CurrentContext(ground.client)).shake()
    assert ground.results() == {"full": 1}
