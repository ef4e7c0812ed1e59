from __future__ import annotations

import subprocess
import sys

import pytest
from redis import exceptions as errors

from ostiary.stores.address import parse_address
from ostiary.stores.library import _meaning, open_clustered, open_sentinel
from ostiary.stores.protocol import ConnectionLost, StoreMisconfigured, StoreUnavailable


def test_a_clusters_own_errors_are_told_apart() -> None:
    login = errors.RedisClusterException("cannot be connected")
    login.__cause__ = errors.AuthenticationError("WRONGPASS")
    assert isinstance(_meaning(login), StoreMisconfigured)
    assert isinstance(_meaning(errors.RedisClusterException("x")), ConnectionLost)
    assert isinstance(_meaning(errors.ClusterDownError("CLUSTERDOWN x")), StoreUnavailable)
    assert _meaning(ZeroDivisionError()) is None


async def test_nobody_there_of_a_cluster() -> None:
    opened = open_clustered(parse_address("valkey+cluster://127.0.0.1:1"), 1.0)
    with pytest.raises(ConnectionLost):
        await opened.call(("EVALSHA", "0" * 40, 1, "{p}"))
    await opened.close()


def test_tls_always_verifies() -> None:
    opened = open_sentinel(parse_address("valkeys+sentinel://store/main?ca=/etc/ca.pem"), 1.0)
    for pool in (opened._pool, opened._sentinels[0].connection_pool):
        options = pool.connection_kwargs
        assert options["ssl_cert_reqs"] == "required"
        assert options["ssl_check_hostname"] is True
        assert options["ssl_ca_certs"] == "/etc/ca.pem"


def test_a_worker_does_without_it() -> None:
    program = "import sys, ostiary.serve.worker; sys.exit(bool({'redis', 'aiohttp'} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", program], check=True)
