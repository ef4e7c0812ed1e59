"""Values for the places of what is wrong or missing in a document, so that the rest of it can be looked at.

None is equal to what anybody would write, nor to another, so that no two values are found to clash for their sake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ostiary.config.model import IdentityHeaders

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ostiary.config.problem import Path

_NAME: Final = "stand-in"
_FILE: Final = "/dev/null/stand-in"
_TARGETS: Final = ("http://stand-in.invalid",)
_LETTERS: Final = str.maketrans("0123456789", "ABCDEFGHIJ")
_SECTIONS: Final = frozenset({"issuers", "upstreams", "limits"})
"""Their second step is a name."""

_Table = dict[str, "Callable[[str], object]"]
"""By path, with * for names and indices; the values are made of the second step, which tells them apart."""

_NEEDED: Final[_Table] = {
    "issuers.*.issuer": lambda one: f"https://stand-in.invalid/{one}",
    "issuers.*.audiences": lambda _: [_NAME],
    "issuers.*.algorithms": lambda _: ["HS256"],
    "issuers.*.keys": lambda _: {"file": _FILE},
    "upstreams": lambda _: {_NAME: {"targets": _TARGETS}},
    "upstreams.*.targets": lambda _: _TARGETS,
    "upstreams.*.health.check.path": lambda _: "/stand-in",
    "upstreams.*.tls.client_certificate.certificate": lambda _: _FILE,
    "upstreams.*.tls.client_certificate.key": lambda _: _FILE,
    "server.tls.certificates": lambda _: [{"certificate": _FILE, "key": _FILE}],
    "server.tls.certificates.*.certificate": lambda _: _FILE,
    "server.tls.certificates.*.key": lambda _: _FILE,
    "server.tls.client_certificates.mode": lambda _: "required",
    "server.tls.client_certificates.ca": lambda _: _FILE,
    "routes": lambda _: [{"name": _NAME, "match": {"path": "/stand-in"}, "upstream": _NAME}],
    "routes.*.name": lambda one: f"routes.{one}",
    "routes.*.match": lambda one: {"path": f"/stand-in/{one}"},
    "routes.*.match.path": lambda one: f"/stand-in/{one}",
    "routes.*.match.hosts": lambda one: [f"{one}.stand-in.invalid"],
    "routes.*.match.methods": lambda one: [f"STAND-IN-{one.translate(_LETTERS)}"],
    "routes.*.upstream": lambda _: _NAME,
    "routes.*.require.claims.*.claim": lambda _: _NAME,
    "limits.*.tiers": lambda _: {"anonymous": {"rate": "1/s", "burst": 1}},
    "limits.*.tiers.*": lambda _: {"rate": "1/s", "burst": 1},
    "limits.*.tiers.*.rate": lambda _: "1/s",
    "limits.*.tiers.*.burst": lambda _: 1,
} | {
    f"identity_headers.{field}": lambda one: f"Stand-In-{one.replace('_', '-')}"
    for field in IdentityHeaders.model_fields
    if field != "also_strip"
}  # fmt: skip
_MEANT: Final[_Table] = {
    "issuers.*.keys.jwks_url": lambda _: "https://stand-in.invalid",
    "issuers.*.keys.file": lambda _: _FILE,
    "issuers.*.keys.inline": lambda _: {"keys": []},
    "issuers.*.keys.secret": lambda _: _NAME,
    "routes.*.require": lambda _: {"scopes": [_NAME]},
    "routes.*.require.scopes": lambda _: [_NAME],
    "routes.*.require.any_scope": lambda _: [_NAME],
    "routes.*.require.roles": lambda _: [_NAME],
    "routes.*.require.claims": lambda _: [{"claim": _NAME, "one_of": [_NAME]}],
}


def needed(path: Path) -> object:
    """What stands in at `path` because nothing holds without a value there, or the default would clash; else None."""
    return _made(_NEEDED, path)


def meant(path: Path) -> object:
    """What stands in at `path` because it tells something that anything is written there; else None."""
    return _made(_MEANT, path)


def _made(table: Mapping[str, Callable[[str], object]], path: Path) -> object:
    named = {1, 3} if path[:1] == ("limits",) else {1} if path[:1] and path[0] in _SECTIONS else set()
    pattern = ".".join("*" if isinstance(step, int) or place in named else step for place, step in enumerate(path))
    make = table.get(pattern)
    return None if make is None else make(str(path[1]) if len(path) > 1 else "")
