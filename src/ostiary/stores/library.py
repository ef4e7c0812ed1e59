"""Lines to a store of several servers: Sentinels' or a cluster's. The only file that knows redis-py, which is heavy."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import hiredis
from redis import exceptions as errors
from redis.asyncio import Connection, ConnectionPool, Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from ostiary.stores import wording
from ostiary.stores.protocol import ConnectionLost, StoreMisconfigured, StoreUnavailable, Unscripted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ostiary.stores.address import Address
    from ostiary.stores.line import Command


class Discovered:
    """A line to whichever server the Sentinels name."""

    def __init__(self, pool: ConnectionPool, sentinels: Sequence[Redis]) -> None:
        self._pool: Final = pool  # a Sentinel's connection refers to it weakly
        self._sentinels: Final = sentinels
        self._connection: Final[Connection] = pool.make_connection()  # type: ignore[no-untyped-call]  # not annotated

    async def call(self, command: Command) -> object:
        """See `Line.call`."""
        connection = self._connection
        with _translated():
            if not connection.is_connected:
                await connection.connect()  # type: ignore[no-untyped-call]  # not annotated
            packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # annotated as a tuple of one
            await connection.send_packed_command(packed, check_health=False)
            return await connection.read_response()

    async def close(self) -> None:
        """See `Line.close`."""
        with _translated():
            await self._connection.disconnect(nowait=True)
            for sentinel in self._sentinels:
                await sentinel.aclose()


class Clustered:
    """A line into a cluster: the library keeps connections to each node and follows redirections."""

    def __init__(self, client: RedisCluster) -> None:
        self._client: Final = client

    async def call(self, command: Command) -> object:
        """See `Line.call`. The keys of one command share a hash tag."""
        with _translated():
            return await self._client.execute_command(*command)

    async def close(self) -> None:
        """See `Line.close`."""
        with _translated():
            await self._client.aclose()


def open_clustered(address: Address, connect_timeout: float) -> Clustered:
    """See `open_line`."""
    nodes = [ClusterNode(host, port) for host, port in address.hosts]
    # The library reads the map anew after some redirections, and to do so closes what is open, replies under way and
    # all. For a few slots it is enough to note where each one went.
    options = _talking(address) | _options(address, connect_timeout)
    return Clustered(RedisCluster(startup_nodes=nodes, reinitialize_steps=0, **options))


def open_sentinel(address: Address, connect_timeout: float) -> Discovered:
    """See `open_line`. The Sentinels are asked without a login, over TLS if the server is."""
    options = _options(address, connect_timeout)
    sentinel = Sentinel(address.hosts, sentinel_kwargs=options)  # type: ignore[no-untyped-call]  # not annotated
    master = sentinel.master_for(address.service, db=address.database, **_talking(address), **options)
    return Discovered(master.connection_pool, sentinel.sentinels)


def _talking(address: Address) -> dict[str, Any]:
    return {"username": address.username, "password": address.password, "socket_timeout": None}


def _options(address: Address, connect_timeout: float) -> dict[str, Any]:
    tls = {"ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_ca_certs": address.ca} if address.tls else {}
    return {
        "socket_connect_timeout": connect_timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
        "ssl": address.tls,
        **tls,
    }


_MEANINGS: Final[tuple[tuple[type[Exception], type[Exception], str], ...]] = (
    (errors.NoScriptError, Unscripted, ""),
    (errors.AuthenticationError, StoreMisconfigured, wording.BAD_LOGIN),
    (errors.AuthorizationError, StoreMisconfigured, wording.BAD_LOGIN),
    (errors.AuthenticationWrongNumberOfArgsError, StoreMisconfigured, wording.BAD_LOGIN),
    (errors.NoPermissionError, StoreMisconfigured, wording.BAD_RULES),
    (errors.BusyLoadingError, StoreUnavailable, wording.LOADING),
    (errors.OutOfMemoryError, StoreUnavailable, wording.OUT_OF_MEMORY),
    (errors.ClusterError, StoreUnavailable, wording.CLUSTER_DOWN),
    (errors.TryAgainError, StoreUnavailable, wording.MOVING),
    (errors.MovedError, StoreMisconfigured, wording.A_CLUSTER),
    (errors.ReadOnlyError, ConnectionLost, wording.A_REPLICA),
    (errors.ConnectionError, ConnectionLost, wording.FAILED),
    (errors.TimeoutError, ConnectionLost, wording.TIMED_OUT),
    (errors.InvalidResponse, ConnectionLost, wording.NONSENSE),
    (OSError, ConnectionLost, wording.FAILED),
)
"""What the library's errors mean; the first that fits. Their texts stay behind: they may quote what was sent."""


def _meaning(error: Exception) -> Exception | None:
    for kind, ours, text in _MEANINGS:
        if isinstance(error, kind):
            return ours(text)
    if isinstance(error, errors.ResponseError):
        if "ACL failure" in str(error):  # what the script may not call
            return StoreMisconfigured(wording.BAD_RULES)
        code = str(error).partition(" ")[0][:32]
        return StoreUnavailable(code) if code in wording.PASSING else StoreMisconfigured(f"the store answered {code}")
    if isinstance(error, errors.RedisClusterException):
        if "Cluster mode is not enabled" in str(error):
            return StoreMisconfigured(wording.NO_CLUSTER)
        login = isinstance(error.__cause__, errors.AuthenticationError)
        return StoreMisconfigured(wording.BAD_LOGIN) if login else ConnectionLost("the cluster cannot be reached")
    return None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from None
