"""`ostiary schema`: the JSON Schema of the configuration."""

from __future__ import annotations

import click
import msgspec


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of the configuration.

    Editors complete and check against it: `ostiary schema > ostiary.schema.json`, and as the first line of the
    configuration `# yaml-language-server: $schema=ostiary.schema.json`.
    """
    from ostiary.config.schema import json_schema

    click.echo(msgspec.json.format(msgspec.json.encode(json_schema())).decode())
