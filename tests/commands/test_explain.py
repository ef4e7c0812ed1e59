from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from click.testing import CliRunner, Result

from ostiary.cli import cli
from tests.support.documents import document
from tests.support.tokens import key

if TYPE_CHECKING:
    from pathlib import Path

ROUTES = [{"name": "api", "match": {"path": "/orders"}, "upstream": "api"}]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "ostiary.yaml"
    # JSON is YAML.
    path.write_bytes(msgspec.json.encode(document("http://127.0.0.1:9", routes=ROUTES)))
    return path


def run(config: Path, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli, ["explain", "--config", str(config), *arguments], input=stdin)


def test_allowed_is_zero_and_shows_what_goes_upstream(config: Path) -> None:
    result = run(config, "GET", "http://api.example/orders", "--token", "-", stdin=key("ES256").token() + "\n")
    assert result.exit_code == 0, result.output
    assert "✓ authenticate  verified, of issuer tests" in result.output
    assert "    Host: api.example\n" in result.output
    assert "    X-User-Id: alice\n" in result.output


def test_refused_is_one_and_shows_the_answer(config: Path) -> None:
    result = run(config, "GET", "/orders", "-H", "Accept: */*", "--client", "192.0.2.7")
    assert result.exit_code == 1, result.output
    assert "✗ authenticate  401 missing_token" in result.output
    assert "client: 192.0.2.7" in result.output
    assert "    HTTP/1.1 401 Unauthorized\n" in result.output


def test_a_method_in_lower_case_is_refused_with_a_hint(config: Path) -> None:
    result = run(config, "get", "/orders")
    assert result.exit_code == 1
    assert "methods are upper case: GET" in result.output
    assert "methods are" not in run(config, "GET", "/orders").output


def test_json_is_for_machines(config: Path) -> None:
    result = run(config, "GET", "/orders", "--json")
    told = msgspec.json.decode(result.stdout)
    assert (result.exit_code, told["allowed"], told["findings"][-1]["passed"]) == (1, False, False)


def test_nothing_in_a_token_can_act_on_the_terminal(config: Path) -> None:
    result = run(config, "GET", "/orders", "--token", key("ES256").token({"kid": "\x1b[2J\u009b"}))
    assert result.exit_code == 1
    assert "\x1b[2J" not in result.output
    assert "\u009b" not in result.output
    assert r"kid: \x1b[2J\x9b" in result.output


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("GET", "orders"), "neither a path nor"),
        (("GET", "/orders", "-H", "novalue"), "write 'Name: value'"),
        (("GET", "/orders", "-H", "a: b\r\nc: d"), "control characters"),
        (("GET", "/orders", "--client", "nowhere"), "not an IP address"),
    ],
)
def test_a_wrong_question_is_two(config: Path, arguments: tuple[str, ...], message: str) -> None:
    result = run(config, *arguments)
    assert (result.exit_code, message in result.output) == (2, True), result.output


def test_a_wrong_configuration_is_two_and_says_where(config: Path) -> None:
    config.write_text("routes: []\nnonsense: 1\n")
    result = run(config, "GET", "/orders")
    assert result.exit_code == 2
    assert f"{config}:2:1: nonsense" in result.output
