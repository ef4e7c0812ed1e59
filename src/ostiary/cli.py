"""The command line: a group whose commands are imported only when they are used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import click

from ostiary import streams

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = {
    "serve": "Run the gateway.",
    "check": "Say everything that is wrong with a configuration.",
    "explain": "Show why a request would be let in or refused.",
    "schema": "Print the JSON Schema of the configuration.",
    "token": "Make keys and tokens for trying things.",
    "demo": "Run a guided tour against real servers.",
}
"""Each command with its summary, so that `--help` imports none of them."""


class LazyGroup(click.Group):
    """Finds each command as `command` in the module of its name in `ostiary.commands`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Name the commands in the order in which they are met."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ostiary.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from their summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run the command; a bad configuration ends it with every problem on standard error and exit code 2."""
        if streams.plain():
            ctx.color = False
        try:
            return super().invoke(ctx)
        except Exception as error:
            # Imported late: a command that reads no configuration does not pay for pydantic.
            from ostiary.config.problem import ConfigError  # noqa: PLC0415  # as it says above

            if not isinstance(error, ConfigError):
                raise
            click.echo(str(error), err=True)
            ctx.exit(2)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ostiary")
def cli() -> None:
    """Ostiary, a zero-trust authentication gateway for HTTP APIs."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 well, 1 failed or interrupted, 2 wrong usage or configuration."""
    streams.run(lambda: cli(list(arguments) if arguments is not None else None))
