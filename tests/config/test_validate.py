from __future__ import annotations

import pytest

from tests.support.configuration import sound, told

LOST = "{name: a, match: {path: /}, upstream: b}"


def test_what_is_wrong_between_values_is_told_though_nothing_sound_is_left_of_a_section() -> None:
    text = """
server: {listen: 0.0.0.0:8080}
issuers:
  main: {issuer: https://a, audiences: [x], algorithms: [HS256, RS256], keys: {secret: short}}
upstreams:
  api: {targets: ["http://a/path"]}
routes:
  - {name: a, match: {path: /a//b}, upstream: apy}
"""
    assert told(text) == {
        "server.listen": "would take tokens over plain HTTP from other machines",
        "issuers.main.algorithms": "mixes HS* with asymmetric algorithms: "
        "a public key could be used as a secret to forge tokens",
        "issuers.main.keys.secret": "is shorter than the 32 bytes that its algorithm needs",
        "upstreams.api.targets[0]": "is not the address of a service: it has a path, and requests keep their own",
        "routes[0].match.path": "is not a path pattern: an empty segment: // is merged before matching",
        "routes[0].upstream": "names no upstream",
    }


@pytest.mark.parametrize(
    "sections,path",
    [
        ({"upstreams": "{b: {targets: [x]}}", "routes": f"[{LOST}]"}, "upstreams.b.targets[0]"),
        ({"upstreams": "5", "routes": f"[{LOST}]"}, "upstreams"),
        ({"server": "[]", "admin": "{listen: '127.0.0.1:8080'}"}, "server"),
        ({"server": "{listen: '0.0.0.0:80', tls_terminated_bye: [10.0.0.0/8]}"}, "server.tls_terminated_bye"),
        ({"server": "{listen: '0.0.0.0:80', tls: }"}, "server.tls"),
        ({"server": "{listen: '0.0.0.0:80'}\nserver: {tls_terminated_by: [10.0.0.0/8]}"}, "server"),
        ({"routes": "[{name: a, match: {path: /}, upstrem: api}]"}, "routes[0].upstrem"),
        ({"routes": "[&a {name: a, match: {path: /}, upstream: api}, {<<: *a, name: b}]"}, "routes[1]"),
        ({"routes": "[{name: a, match: {path: /}, upstream: api, limit: l}]", "limts": "{}"}, "limts"),
        (
            {"routes": "[{name: a, match: {path: /}, upstream: api, limit: l}]", "limits": "{}\nlimits: {l: 5}"},
            "limits",
        ),
        (
            {"routes": "[{name: a, match: {path: /, method: [GET]}, upstream: api}, {name: b, match: {path: /},"
             " upstream: api}]"},
            "routes[0].match.method",
        ),
        ({"issuers": "{main: 5}"}, "issuers.main"),
        ({"server": "{listen: '127.0.0.1:9090'}", "admin": "{listn: '127.0.0.1:9091'}"}, "admin.listn"),
        ({"routes": "[{name: a, match: {path: /}, upstream: api, websockt: true, origins: []}]"}, "routes[0].websockt"),
        (
            {"routes": "[{name: a, match: {path: /}, upstream: api, websocket: true, websocket_cookie: t,"
             " origin: []}]"},
            "routes[0].origin",
        ),
        (
            {"routes": "[{name: a, match: {path: /}, upstream: api, limit: l, anonymos: true, issuers: []}]",
             "limits": "{l: {key: client_address, tiers: {anonymous: {rate: 1/s, burst: 1}}}}"},
            "routes[0].anonymos",
        ),
        ({"identity_headers": "{user_id: a b, org_id: X-User-Id}"}, "identity_headers.user_id"),
    ],
)  # fmt: skip
def test_what_only_follows_from_another_fault_is_not_told(sections: dict[str, str], path: str) -> None:
    assert list(told(sound(**sections))) == [path]


def test_what_is_within_a_wrong_name_is_told_too() -> None:
    text = sound(issuers="{'a b': {issuer: a, audiences: ['*'], algorithms: [RS256], keys: {file: k}}}")
    assert set(told(text)) == {'issuers."a b"', 'issuers."a b".audiences', 'issuers."a b".keys.file'}


def test_what_has_a_tag_is_read_as_if_it_had_none() -> None:
    assert set(told(sound(server="!x {workers: 0}"))) == {"server", "server.workers"}
