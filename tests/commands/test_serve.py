from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import yaml
from click.testing import CliRunner

from ostiary.cli import cli
from tests.support.documents import document

if TYPE_CHECKING:
    from pathlib import Path


def test_a_port_in_use_ends_with_1_and_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        written = document("http://127.0.0.1:1", server={"listen": f"127.0.0.1:{owner.getsockname()[1]}"})
        (tmp_path / "ostiary.yaml").write_text(yaml.safe_dump(written))
        result = CliRunner().invoke(cli, ["serve", "--config", str(tmp_path / "ostiary.yaml")])
    assert result.exit_code == 1
    assert "The gateway cannot listen on 127.0.0.1:" in result.output
    assert "Traceback" not in result.output


def test_a_configuration_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["serve", "--config", str(tmp_path / "absent.yaml")])
    assert result.exit_code == 2
    assert "absent.yaml" in result.output
