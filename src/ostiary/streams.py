"""Standard output and error: whether they may be styled, and the end of a command that cannot write to them.

Everything that may be styled asks here: `NO_COLOR` (https://no-color.org), or a terminal that is called ``dumb``, means
no styles at all, by whatever library.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, NamedTuple, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from typing_extensions import Buffer


def plain() -> bool:
    """Whether the environment asks for no styles, even on a terminal."""
    return os.environ.get("NO_COLOR", "") != "" or os.environ.get("TERM") == "dumb"


def styled(stream: TextIO) -> bool:
    """Whether `stream` may show styles."""
    return stream.isatty() and not plain()


def console(*, stderr: bool = False) -> Console:
    """Return a console on standard output, or error, that keeps to this."""
    from rich.console import Console  # noqa: PLC0415  # a tenth of a second, for the commands that draw

    return Console(stderr=stderr, highlight=False, color_system=None if plain() else "auto")


def run(command: Callable[[], object]) -> None:
    """Run `command` with standard streams that escape what their encoding lacks.

    If one of them cannot be written to, the command ends with exit code 1 and a sentence, without it if nobody reads
    any more.
    """
    outputs = [output for name in ("stdout", "stderr") if (output := _watched(name)) is not None]
    ending: SystemExit | None = None
    try:
        command()
    except SystemExit as ended:
        ending = ended
    except OSError:
        if not any(output.raw.fault for output in outputs):
            raise
    for output in outputs:
        output.finish()
    faults = [output for output in outputs if output.raw.fault is not None]
    for output in faults:
        output.complain()
    if faults:
        raise SystemExit(1)
    if ending is not None:
        raise ending


class _Raw(io.FileIO):
    """A descriptor that remembers why it could not be written to."""

    fault: OSError | None = None

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.fault = error
            raise


class _Output(NamedTuple):
    """A standard stream in the place of another."""

    name: str
    lines: TextIO
    raw: _Raw

    def finish(self) -> None:
        """Write what is left; what cannot be written goes nowhere, or the interpreter would complain at its end."""
        with contextlib.suppress(OSError):
            self.lines.flush()
        if self.raw.fault is not None:
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # devnull is a name, not a path of ours
                os.dup2(nowhere.fileno(), self.raw.fileno())

    def complain(self) -> None:
        """Say what was in the way, unless it is that nobody reads any more."""
        if self.raw.fault is not None and not isinstance(self.raw.fault, BrokenPipeError):
            said = f"Error: standard {self.name} cannot be written to: {self.raw.fault.strerror}.\n"
            if sys.stderr is not None:
                sys.stderr.write(said)


def _watched(name: str) -> _Output | None:
    """Put a stream that is watched in the place of ``sys.stdout`` or ``sys.stderr``; None if that is closed or no file.

    To ask the stream itself afterwards is not enough: one that does not buffer has forgotten what it could not write.
    """
    stream = getattr(sys, name)
    if not isinstance(stream, io.TextIOWrapper):
        return None
    try:
        raw = _Raw(stream.fileno(), "wb", closefd=False)
    except OSError:
        return None
    lines = io.TextIOWrapper(
        io.BufferedWriter(raw),
        stream.encoding,
        "backslashreplace",
        line_buffering=stream.line_buffering or stream.write_through,
    )
    setattr(sys, name, lines)
    return _Output("output" if name == "stdout" else "error", lines, raw)
