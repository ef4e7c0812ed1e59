"""The gateways that are compared, each asked to do the same `bench.spec.Work` in its own words."""

from __future__ import annotations

from bench.peers.base import Peer, Unavailable
from bench.peers.envoy import Envoy
from bench.peers.haproxy import HAProxy
from bench.peers.nginx import Nginx
from bench.peers.node import Node
from bench.peers.ostiary import Ostiary
from bench.peers.starlette import Starlette

__all__ = ["Envoy", "HAProxy", "Nginx", "Node", "Ostiary", "Peer", "Starlette", "Unavailable"]
