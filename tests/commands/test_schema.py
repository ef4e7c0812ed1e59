from __future__ import annotations

import msgspec
from click.testing import CliRunner

from ostiary.cli import cli
from ostiary.config.schema import json_schema


def test_it_is_printed() -> None:
    result = CliRunner().invoke(cli, ["schema"])
    assert (result.exit_code, msgspec.json.decode(result.stdout)) == (0, json_schema())
