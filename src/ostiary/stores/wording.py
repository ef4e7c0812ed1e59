"""What is told of a store that does not do its work, whichever way it was reached."""

from __future__ import annotations

from typing import Final

BAD_LOGIN: Final = "the store refuses the user or password of its URL"
BAD_RULES: Final = "the store's access rules forbid limits: allow +eval +evalsha +time +get +set on the prefix's keys"
A_CLUSTER: Final = "the store is a cluster: write its URL with valkey+cluster://"
NO_CLUSTER: Final = "the store is not a cluster: write its URL with valkey://"
A_REPLICA: Final = "the server is a replica"
LOADING: Final = "the server is loading"
OUT_OF_MEMORY: Final = "the server is out of memory"
CLUSTER_DOWN: Final = "the cluster is down"
MOVING: Final = "the cluster is moving keys"
FAILED: Final = "the connection failed"
TIMED_OUT: Final = "the connection timed out"
NONSENSE: Final = "the server speaks another protocol"

PASSING: Final = ("BUSY", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "UNKILLABLE")
"""Error codes of a server that is unwell rather than misused."""
