"""The examples, started as their first lines say, with real services in the places that they leave open."""

from __future__ import annotations

import re
import secrets
import shutil
import stat
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import jwt
import msgspec
import pytest

from ostiary.config.load import load
from ostiary.config.model import Model
from tests.support import http1
from tests.support.certificates import Authority
from tests.support.process import Child
from tests.support.valkey import valkey_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.nginx import NginxUpstream
    from tests.support.oidc_provider import OidcProvider

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
EVERYWHERE: Final = {"OSTIARY_LISTEN": "127.0.0.1:0", "OSTIARY_ADMIN": "127.0.0.1:0"}


@contextmanager
def serving(name: str, environ: Mapping[str, str]) -> Iterator[int]:
    """Serve an example and give the port of its gateway."""
    command: list[str | Path] = [sys.executable, "-m", "ostiary", "serve", "--config", EXAMPLES / name]
    with Child(command, env={**EVERYWHERE, **environ}) as child:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", child.wait_for("  gateway "))
        assert found
        yield int(found[1])


def headers(answer: http1.Answer) -> dict[str, str]:
    """What the upstream was sent."""
    assert answer.status == 200, answer
    return {name.lower(): value for name, value in msgspec.json.decode(answer.body)["headers"]}


async def test_minimal(oidc: OidcProvider, nginx_upstream: NginxUpstream) -> None:
    reader = oidc.token("RS256", audience="orders-api", scope="", scopes=["orders.read"])
    with serving("minimal.yaml", {"OSTIARY_ISSUER": oidc.issuer, "ORDERS_URL": nginx_upstream.url}) as port:
        assert headers(await http1.ask(port, "GET", "/orders/7", token=reader))["x-token-scopes"] == "orders.read"
        assert (await http1.ask(port, "POST", "/orders", token=reader)).status == 403
        assert (await http1.ask(port, "GET", "/orders")).status == 401
        assert (await http1.ask(port, "GET", "/", token=reader)).status == 404


async def test_tiers(oidc: OidcProvider, nginx_upstream: NginxUpstream) -> None:
    premium = oidc.token("RS256", audience="public-api", scope="", scopes=["orders"], plan="gold")
    environ = {
        "CUSTOMERS_ISSUER": oidc.issuer,
        "STAFF_ISSUER": "http://127.0.0.1:9",
        "CATALOGUE_URL": nginx_upstream.url,
        "ORDERS_URL_A": nginx_upstream.url,
    }
    with serving("tiers.yaml", environ) as port:
        anyone = await http1.ask(port, "GET", "/catalogue/1")
        known = await http1.ask(port, "GET", "/catalogue/1", token=premium)
        assert "10" in str(anyone.value("ratelimit-policy"))
        assert "500" in str(known.value("ratelimit-policy"))
        assert headers(known)["x-tenant-plan"] == "gold"
        assert (await http1.ask(port, "GET", "/orders/1", token=premium)).status == 200
        assert (await http1.ask(port, "GET", "/orders/1/export", token=premium)).status == 403
        assert (await http1.ask(port, "GET", "/orders/1")).status == 401


async def test_production(oidc: OidcProvider, nginx_upstream: NginxUpstream, tmp_path: Path) -> None:
    password, secret = secrets.token_hex(16), secrets.token_hex(32)
    (tmp_path / "jobs-secret").write_text(f"{secret}\n")
    user = ("--user", "gateway", "on", f">{password}", "~*", "&*", "+@all")
    caller = oidc.token("ES256", audience="api.example.com", scope="", scopes=["api"])
    claims = {"iss": "jobs.internal", "aud": "api.example.com", "sub": "nightly", "exp": int(time.time()) + 60}
    with valkey_server(*user) as store:
        environ = {
            "OSTIARY_SECRETS": str(tmp_path),
            "OSTIARY_STORE_PASSWORD": password,
            "OSTIARY_STORE_SCHEME": "valkey",
            "OSTIARY_STORE_HOST": f"127.0.0.1:{store.port}",
            "OSTIARY_ISSUER": oidc.issuer,
            "OSTIARY_JWKS_URL": oidc.jwks_url,
            "API_URL_A": nginx_upstream.url,
            "API_URL_B": nginx_upstream.url.replace("127.0.0.1", "localhost"),
        }
        with serving("production.yaml", environ) as port:
            told = headers(await http1.ask(port, "GET", "/v1/things", token=caller))
            assert told["x-authenticated-user-id"] == "service"
            token = jwt.encode(claims, secret, "HS256")
            job = await http1.ask(port, "POST", "/internal/jobs/7", token=token, body=b"{}")
            assert headers(job)["x-authenticated-user-id"] == "nightly"
            assert (await http1.ask(port, "POST", "/internal/jobs/7", token=caller)).status == 401
            version = await http1.ask(port, "GET", "/version", headers={"x-internal-caller": "root"})
            assert "x-internal-caller" not in headers(version)
            assert version.value("ratelimit") is not None


def test_the_commands_at_the_head_of_production_prepare_it(tmp_path: Path) -> None:
    """All of them but the last, which would serve on every interface."""
    head = (EXAMPLES / "production.yaml").read_text().partition("\nserver:")[0]
    *commands, serve = re.findall(r"^#   (.+)$", head, re.MULTILINE)
    assert serve == "ostiary serve --config examples/production.yaml"
    assert commands[-1] == "ostiary check --config examples/production.yaml"
    (tmp_path / "examples").symlink_to(EXAMPLES)
    shell = "\n".join(["set -e", f'ostiary() {{ "{sys.executable}" -m ostiary "$@"; }}', *commands])
    done = subprocess.run(["/bin/sh", "-c", shell], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert ": ok: " in done.stdout
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["minimal.yaml", "tiers.yaml"])
def test_the_others_need_nothing(name: str) -> None:
    load(EXAMPLES / name, {})


REFERENCE: Final = {"SCHEDULER_SECRET": secrets.token_hex(16)}
SHOWN: Final = ("server", "admin", "tiers", "identity_headers", "token_cache", "observe")


def test_the_reference_shows_every_key(tmp_path: Path) -> None:
    """TLS, which wants files, is shown in comments."""
    shutil.copytree(EXAMPLES / "keys", tmp_path / "keys")
    (tmp_path / "tls").mkdir()
    for name in ("clients", "internal-ca"):
        Authority(tmp_path / "tls", name)
    for name in ("api", "gateway"):
        Authority(tmp_path / "tls").issue(name, "a.example")
    text = (EXAMPLES / "reference.yaml").read_text().replace("http://10.", "https://10.")
    blocks = re.sub(r"^( +)# (tls:.*\n)((?:\1#   .*\n)+)", _uncommented, text, flags=re.MULTILINE)
    assert blocks.count("\n  tls:") == blocks.count("\n    tls:") == 1
    (tmp_path / "reference.yaml").write_text(blocks)
    config = load(tmp_path / "reference.yaml", REFERENCE)
    shown: dict[type[Model], set[str]] = {section: set() for section in Model.__subclasses__()}
    _collect(config, shown)
    missing = {section.__name__: set(section.model_fields) - keys for section, keys in shown.items()}
    assert {name: keys for name, keys in missing.items() if keys} == {}


def _uncommented(block: re.Match[str]) -> str:
    indent, head, rest = block.groups()
    return indent + head + rest.replace(f"{indent}#   ", f"{indent}  ")


@pytest.mark.parametrize("name", SHOWN)
def test_the_reference_shows_the_defaults(name: str) -> None:
    section = getattr(load(EXAMPLES / "reference.yaml", REFERENCE), name)
    assert section == type(section)()


def _collect(value: object, shown: dict[type[Model], set[str]]) -> None:
    if isinstance(value, Model):
        shown[type(value)] |= value.model_fields_set
        for field in value.model_fields_set:
            _collect(getattr(value, field), shown)
    elif isinstance(value, dict | tuple):
        for below in value.values() if isinstance(value, dict) else value:
            _collect(below, shown)
