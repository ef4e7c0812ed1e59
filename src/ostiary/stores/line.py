"""How a command reaches the server: one connection kept open, or a cluster's. The only file that knows the library.

A line carries one command at a time and sets it no deadline: whoever calls bounds it by cancelling, and a cancelled
command takes its connection with it, so that no reply is ever read by the wrong caller.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

import hiredis
from redis import exceptions as errors
from redis.asyncio import (
    Connection,
    ConnectionPool,
    Redis,
    RedisCluster,
    Sentinel,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError
from redis.backoff import NoBackoff

from ostiary.observe.cause import cause
from ostiary.stores.protocol import ConnectionLost, StoreMisconfigured, StoreUnavailable, Unscripted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ostiary.stores.address import Address

Command: TypeAlias = tuple[str | bytes | int | float, ...]


class Line(Protocol):
    """Sends one command and returns its reply."""

    async def call(self, command: Command) -> object:
        """Raises `Unscripted`, `StoreUnavailable` (of which `ConnectionLost`), or `StoreMisconfigured`."""

    async def close(self) -> None:
        """Close what is open. A later call opens it anew."""


class Direct:
    """A line to one server, or to whichever one the Sentinels name."""

    def __init__(self, pool: ConnectionPool, sentinels: Sequence[Redis] = ()) -> None:
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


def open_line(address: Address, connect_timeout: float) -> Line:
    """A line to `address`; nothing is sent yet. `connect_timeout` is seconds."""
    options: dict[str, Any] = {
        "username": address.username,
        "password": address.password,
        "socket_connect_timeout": connect_timeout,
        "socket_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "driver_info": None,
    }
    if address.kind == "unix":
        return Direct(ConnectionPool(connection_class=UnixDomainSocketConnection, path=address.path, **options))
    tls: dict[str, Any] = {}
    if address.tls:
        tls = {"ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_ca_certs": address.ca}
    if address.kind == "cluster":
        nodes = [ClusterNode(host, port) for host, port in address.hosts]
        # The library reads the map anew after some redirections, and to do so closes what is open, replies under way
        # and all. For a few slots it is enough to note where each one went.
        options |= {"reinitialize_steps": 0} | tls
        return Clustered(RedisCluster(startup_nodes=nodes, ssl=address.tls, **options))
    options |= {"db": address.database} | tls
    if address.kind == "sentinel":
        asking = {key: options[key] for key in ("socket_connect_timeout", "retry", "protocol", "driver_info")}
        sentinel = Sentinel(address.hosts, sentinel_kwargs=asking | {"ssl": address.tls} | tls)  # type: ignore[no-untyped-call]  # not annotated
        return Direct(
            sentinel.master_for(address.service, ssl=address.tls, **options).connection_pool, sentinel.sentinels
        )
    kind = SSLConnection if address.tls else Connection
    [(host, port)] = address.hosts
    return Direct(ConnectionPool(connection_class=kind, host=host, port=port, **options))


_BAD_LOGIN: Final = "the store refuses the user or password of its URL"
_BAD_RULES: Final = "the store's access rules forbid limits: allow +eval +evalsha +time +get +set on the prefix's keys"
_A_CLUSTER: Final = "the store is a cluster: write its URL with valkey+cluster://"
_NO_CLUSTER: Final = "the store is not a cluster: write its URL with valkey://"

_FAILED: Final = "the connection failed"
_NO_MASTER: Final = "no Sentinel names a master: they cannot be reached, or do not know the service"

_MEANINGS: Final[tuple[tuple[type[Exception], type[Exception], str], ...]] = (
    (errors.NoScriptError, Unscripted, ""),
    (errors.AuthenticationError, StoreMisconfigured, _BAD_LOGIN),
    (errors.AuthorizationError, StoreMisconfigured, _BAD_LOGIN),
    (errors.AuthenticationWrongNumberOfArgsError, StoreMisconfigured, _BAD_LOGIN),
    (errors.NoPermissionError, StoreMisconfigured, _BAD_RULES),
    (errors.BusyLoadingError, StoreUnavailable, "the server is loading"),
    (errors.OutOfMemoryError, StoreUnavailable, "the server is out of memory"),
    (errors.ClusterError, StoreUnavailable, "the cluster is down"),
    (errors.TryAgainError, StoreUnavailable, "the cluster is moving keys"),
    (errors.MovedError, StoreMisconfigured, _A_CLUSTER),
    (errors.ReadOnlyError, ConnectionLost, "the server is a replica"),
    (MasterNotFoundError, ConnectionLost, _NO_MASTER),
    (errors.ConnectionError, ConnectionLost, _FAILED),
    (errors.TimeoutError, ConnectionLost, "the connection timed out"),
    (errors.InvalidResponse, ConnectionLost, "the server speaks another protocol"),
    (OSError, ConnectionLost, _FAILED),
)
"""What the library's errors mean; the first that fits. Their texts stay behind: they may quote what was sent."""

_PASSING: Final = ("BUSY", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "UNKILLABLE")
"""Error codes of a server that is unwell rather than misused."""


def _meaning(error: Exception) -> Exception | None:
    for kind, ours, text in _MEANINGS:
        if isinstance(error, kind):
            return ours(_why(error, text) if text is _FAILED else text)
    if isinstance(error, errors.ResponseError):
        if "ACL failure" in str(error):  # what the script may not call
            return StoreMisconfigured(_BAD_RULES)
        code = str(error).partition(" ")[0][:32]
        return StoreUnavailable(code) if code in _PASSING else StoreMisconfigured(f"the store answered {code}")
    if isinstance(error, errors.RedisClusterException):
        if "Cluster mode is not enabled" in str(error):
            return StoreMisconfigured(_NO_CLUSTER)
        login = isinstance(error.__cause__, errors.AuthenticationError)
        return StoreMisconfigured(_BAD_LOGIN) if login else ConnectionLost(_why(error, "the cluster cannot be reached"))
    return None


def _why(error: BaseException, otherwise: str) -> str:
    """What the system said, in words; the library's errors are raised from its, or while they are handled."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, OSError):
        found = found.__cause__ or found.__context__
    return otherwise if found is None else cause(found)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from None
