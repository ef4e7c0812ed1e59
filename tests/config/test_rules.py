from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ostiary.config.model import Admin, Config, Match, Route, Upstream
from ostiary.config.rules import findings
from ostiary.config.scalars import Endpoint
from tests.support.certificates import Authority
from tests.support.configuration import problems, read, sound

if TYPE_CHECKING:
    from pathlib import Path

ITSELF = [
    "localhost", "LOCALHOST", "localhost.", "api.localhost", "127.0.0.1", "127.0.0.2", "127.1", "2130706433",
    "0x7f.0.0.1", "0.0.0.0", "0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:0.0.0.0]",  # noqa: S104  # none of them is listened on
]  # fmt: skip
"""Hosts that lead to where a gateway on 127.0.0.1 listens, or may."""


@pytest.mark.parametrize(
    "sections",
    [
        {"server": "{listen: 'localhost:80'}"},
        {"server": "{listen: '[::1]:80'}"},
        {"server": "{listen: '0.0.0.0:80', tls_terminated_by: [10.0.0.0/8]}"},
        {"admin": "{listen: '0.0.0.0:9090', allow_remote: true}"},
        {"server": "{proxy_protocol: {peers: [10.0.0.0/8, '2001:db8::1'], header_bytes: 536, waiting: 1}}"},
        {"server": "{listen: '127.0.0.1:0'}", "admin": "{listen: '127.0.0.1:0'}"},
        {"upstreams": "{api: {targets: ['http://localhost:3000', 'http://10.0.0.5:8080', 'http://a.example:8080']}}"},
        {"server": "{listen: 'localhost:0'}", "upstreams": "{api: {targets: ['http://localhost']}}"},
        {"tiers": "{names: [basic], values: {gold: basic}}"},
        {"store": "{url: 'valkeys://user:p%40ss@store.internal:6380/1'}"},
        {"store": "{url: 'valkey+sentinel://a,b:1/main'}"},
    ],
)
def test_sound(sections: dict[str, str]) -> None:
    read(sound(**sections))


@pytest.mark.parametrize(
    "sections,path,message",
    [
        ({"server": "{listen: '0.0.0.0:80'}"}, "server.listen", "plain HTTP"),
        ({"server": "{listen: '[::]:80'}"}, "server.listen", "plain HTTP"),
        ({"server": "{listen: 'gateway.internal:80'}"}, "server.listen", "plain HTTP"),
        ({"admin": "{listen: '0.0.0.0:9090'}"}, "admin.listen", "to other machines"),
        ({"admin": "{listen: '127.0.0.1:8080'}"}, "admin.listen", "is where the gateway itself listens"),
        ({"server": "{trusted_proxies: [10.0.0.0/8, 0.0.0.0/0]}"}, "server.trusted_proxies[1]", "trusts every address"),
        ({"server": "{tls_terminated_by: ['::/0']}"}, "server.tls_terminated_by[0]", "trusts every address"),
        ({"server": "{proxy_protocol: {peers: ['::/0']}}"}, "server.proxy_protocol.peers[0]", "trusts every address"),
        ({"server": "{proxy_protocol: {peers: [10.0.0.1/8]}}"}, "server.proxy_protocol.peers[0]", "is not a network"),
        ({"server": "{proxy_protocol: {timeout: 0s}}"}, "server.proxy_protocol.timeout", "is not more than 0"),
        ({"server": "{proxy_protocol: {header_bytes: 107}}"}, "server.proxy_protocol.header_bytes", "is less than 536"),
        (
            {"server": "{proxy_protocol: {header_bytes: 1MiB}}"},
            "server.proxy_protocol.header_bytes",
            "is more than 65551",
        ),
        ({"server": "{proxy_protocol: {waiting: 0}}"}, "server.proxy_protocol.waiting", "is less than 1"),
        ({"server": "{proxy_protocol: {peer: []}}"}, "server.proxy_protocol.peer", "is not a known key"),
        ({"server": "{proxy_protocol: [10.0.0.0/8]}"}, "server.proxy_protocol", "is not a mapping"),
        ({"server": "{bounds: {header_bytes: 1023}}"}, "server.bounds.header_bytes", "is less than 1024"),
        ({"server": "{bounds: {target_bytes: 63B}}"}, "server.bounds.target_bytes", "is less than 64"),
        (
            {"upstreams": "{api: {targets: ['http://a'], health: {check: {path: /, interval: 999ms}}}}"},
            "upstreams.api.health.check.interval",
            "is less than 1",
        ),
        ({"upstreams": "{api: {targets: ['http://127.0.0.1:8080']}}"}, "upstreams.api.targets[0]", "in circles"),
        *(
            ({"upstreams": f"{{api: {{targets: ['http://{host}:8080']}}}}"}, "upstreams.api.targets[0]", "in circles")
            for host in ITSELF
        ),
        *(
            (
                {
                    "server": f"{{listen: '{listen}:81', tls_terminated_by: [10.0.0.0/8]}}",
                    "upstreams": f"{{api: {{targets: ['{target}']}}}}",
                },
                "upstreams.api.targets[0]",
                "in circles",
            )
            for listen, target in (
                ("0.0.0.0", "http://127.0.0.1:81"),  # noqa: S104  # none of them is listened on
                ("[::]", "http://localhost:81"),
                ("[::1]", "http://0:81"),
                ("a.localhost", "http://[::]:81"),
                ("10.0.0.5", "http://[::ffff:10.0.0.5]:81"),
                ("gw.internal", "http://GW.internal.:81"),
            )
        ),
        *(
            ({"upstreams": f"{{api: {{targets: ['http://{host}:9090']}}}}"}, "upstreams.api.targets[0]", "the admin")
            for host in ITSELF
        ),
        ({"upstreams": "{api: {targets: ['http://a', 'http://a']}}"}, "upstreams.api.targets[1]", "twice"),
        ({"tiers": "{names: [free, free]}"}, "tiers.names[1]", "twice"),
        ({"tiers": "{names: [anonymous, free]}"}, "tiers.names[0]", "always the lowest"),
        ({"tiers": "{values: {gold: premum}}"}, "tiers.values.gold", "names no tier"),
        ({"limits": "{l: {tiers: {gold: {rate: 1/s, burst: 1}}}}"}, "limits.l.tiers.gold", "names no tier"),
        (
            {"limits": "{l: {tiers: {free: {rate: 1/s, burst: 2000000000}}}}"},
            "limits.l.tiers.free.burst",
            "is more than",
        ),
        ({"limits": "{l: {tiers: {free: {rate: 1/d, burst: 5000}}}}"}, "limits.l.tiers.free.rate", "ten years"),
        ({"store": "{url: 'http://a'}"}, "store.url", "cannot be used"),
        ({"store": "{url: 'valkey+sentinel://a'}"}, "store.url", "names the service"),
        ({"store": "{url: 'valkey://a:99999'}"}, "store.url", "port must be a number from 1 to 65535"),
        ({"store": "{url: 'valkey://u:p@a:63l9'}"}, "store.url", "port must be a number from 1 to 65535"),
        ({"store": "{url: 'valkeys://a?ca=store.pem'}"}, "store.url", "must be an absolute path"),
        (
            {"store": "{url: 'valkeys://u:p@a?ca=/nope.pem'}"},
            "store.url",
            "names a ca that cannot be read: No such file or directory: /nope.pem",
        ),
        ({"store": "{url: 'valkeys://a?ca=/dev/null'}"}, "store.url", "names a ca that is not a regular file"),
    ],
)
def test_refused(sections: dict[str, str], path: str, message: str) -> None:
    (problem,) = problems(sound(**sections))
    assert problem.path == path
    assert message in problem.message


def test_a_clash_with_a_default_is_told_where_something_is_written() -> None:
    (problem,) = problems(sound(server="{workers: 1,\n  listen: '127.0.0.1:9090'}"))
    assert (problem.path, problem.column) == ("server.listen", 3)
    assert problem.line > 1
    assert "health and metrics" in problem.message


def test_the_ca_of_the_store_must_hold_a_certificate(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    text = sound(store=f"{{url: 'valkeys://a?ca={tmp_path}/ca.pem'}}")
    assert [problem.message for problem in problems(text)] == ["names a ca that holds no certificate"]
    Authority(tmp_path)
    read(text)


def test_a_misspelt_list_of_proxies_is_the_one_problem() -> None:
    (problem,) = problems(sound(server="{listen: '0.0.0.0:80', tls_terminated_by: [everyone]}"))
    assert problem.path == "server.tls_terminated_by[0]"


def test_a_configuration_made_in_python_can_be_checked_too() -> None:
    route = Route(name="a", match=Match(path="/"), upstream="b", anonymous=True)
    config = Config(
        admin=Admin(listen=Endpoint("192.0.2.1", 9090)),
        upstreams={"a": Upstream(targets=("http://a",))},
        routes=(route,),
    )
    assert [finding.path for finding in findings(config)] == [("admin", "listen"), ("routes", 0, "upstream")]
