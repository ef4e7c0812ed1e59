"""The option that names the configuration, the same for every command that reads one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

# Whether the file can be read is found, and told in one line, where it is read; click would print the usage as well.
config: Final = click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(readable=False, path_type=Path),
    default="ostiary.yaml",
    show_default=True,
    help="The configuration.",
)
"""Gives the command the `path` of the file, which may not be there."""
