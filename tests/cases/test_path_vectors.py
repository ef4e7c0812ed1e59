"""Path and host pairs collected from Envoy, nginx and HAProxy: each agrees, or differs for a stated reason.

Their expectations are what those proxies forward or match. Ours may differ in one direction only: by refusing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from ostiary.config.model import Bounds, IdentityHeaders
from ostiary.http.forwarded import Trusted
from ostiary.http.headers import HeaderPolicy
from ostiary.http.host import canonical_host
from ostiary.http.peer import Peer
from ostiary.http.request import Request, read_request
from ostiary.http.target import BadTarget, Target, canonical, split_absolute

_FILE: Final = Path(__file__).parents[3] / "shared" / "vectors" / "paths" / "cases.json"
pytestmark = pytest.mark.skipif(not _FILE.is_file(), reason="the shared vectors are not beside this checkout")

_VECTORS: Final[dict[str, Any]] = json.loads(_FILE.read_bytes()) if _FILE.is_file() else {}  # noqa: TID251 # trusted file

_REFUSED: Final = {
    "a/b/../c": "not in origin-form",
    "..": "not in origin-form",
    "a//b/c": "not in origin-form",
    "/a/b/../../../../c": "climbs above the root: no honest client sends it",
    "/../a/b": "climbs above the root",
    "/a/..\\c": "a backslash is a separator to some and a letter to others",
    "/%c0%af": "not UTF-8: an overlong slash to lax decoders",
    "/%5c%25": "an encoded backslash",
    "/a/%2F%2f/c": "encoded slashes",
}
"""Envoy's paths that are refused here, and why."""


@pytest.mark.parametrize("kind", ["normalise", "merge_slashes"])
def test_envoy_paths(kind: str) -> None:
    for path, expected in _VECTORS["envoy_path"][kind]:
        found = canonical(path.encode())
        if path in _REFUSED:
            assert isinstance(found, BadTarget), path
        else:
            assert isinstance(found, Target), path
            assert found.raw.decode() == expected, path


def test_envoy_rejected_paths() -> None:
    for path in _VECTORS["envoy_path"]["reject"]:
        assert isinstance(canonical(path.encode()), BadTarget), path


def test_envoy_paths_without_query_and_fragment() -> None:
    for path, expected in _VECTORS["envoy_path"]["strip_query_fragment"]:
        found = canonical(path.encode())
        if "#" in path:
            assert isinstance(found, BadTarget), "a fragment is never sent by an honest client"
        else:
            assert isinstance(found, Target), path
            assert found.path == expected, path


_NGINX_REFUSED: Final = {
    "/foo/bar/.#frag": "a fragment",
    "/foo/bar/..#frag": "a fragment",
    "http://localhost?args#frag": "a fragment",
    "http://localhost:8080?args#frag": "a fragment",
    "/%02": "an encoded control character",
}


def test_nginx_targets() -> None:
    for case in _VECTORS["nginx_uri"]:
        target = case["target"].replace("\\x02", "\x02").encode()
        split = split_absolute(target)
        origin = target if isinstance(split, BadTarget) else split[1]
        found = canonical(origin)
        if "400" in case["expect"] or case["target"] in _NGINX_REFUSED:
            assert isinstance(found, BadTarget), case
        else:
            assert isinstance(found, Target), case
            path = case["expect"].removeprefix("!x ").split(" x")[0]
            assert found.path == path, case


_SAME_ADDRESS: Final = {"[::ffff:12.30.67.89]": "[::ffff:c1e:4359]", "[::123.45.67.89]": "[::7b2d:4359]"}
"""IPv6 addresses that nginx leaves as they were written; here an address has one spelling."""


def test_nginx_hosts() -> None:
    for case in _VECTORS["nginx_host"]:
        value = case["value"].replace("\\n", "\n").replace("\\x02", "\x02").replace("\\\\", "\\")
        host = canonical_host(value.encode())
        if case["expect"] == "400":
            assert host is None, case
        else:
            assert host is not None, case
            assert host.name == _SAME_ADDRESS.get(case["expect"], case["expect"]), case


_HAPROXY_REFUSED: Final = {
    "OPTIONS *": "asks about the gateway itself, which has nothing to say",
    "CONNECT haproxy.org:80 (Host: haproxy.org)": "no tunnels",
}


def test_haproxy_request_targets() -> None:
    policy, peer = HeaderPolicy(IdentityHeaders()), Peer("192.0.2.1", b"http", Trusted(()), "x-forwarded")
    for request, status in _VECTORS["haproxy_request_target"]:
        line = " ".join(request.split(" ")[:2])
        read = read_request(f"{line} HTTP/1.1\r\nHost: haproxy.org\r\n\r\n".encode(), peer, policy, Bounds())
        assert read is not None
        accepted = status == 200 and request not in _HAPROXY_REFUSED
        assert isinstance(read[0], Request) is accepted, request
