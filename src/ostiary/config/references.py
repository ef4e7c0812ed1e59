"""Values that live elsewhere: files named by the configuration, and secrets kept in them.

A path counts from the folder of the configuration that names it. A secret is a string, or `{file: path}`.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, BeforeValidator, SecretBytes, ValidationInfo, WithJsonSchema

from ostiary.config.shown import shown_path
from ostiary.config.words import Text, wrong

if TYPE_CHECKING:
    from pathlib import Path

SECRET_BYTES: Final = 64 * 1024
"""Largest secret file that is read."""


class Folder:
    """The validation context of a configuration read from a file: where its relative paths begin."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path


def _secret(value: object, info: ValidationInfo) -> object:
    if isinstance(value, dict):
        if not isinstance(info.context, Folder) or value.keys() != {"file"} or not isinstance(value["file"], str):
            raise wrong("is not a secret", "write a string such as ${NAME}, or {file: /run/secrets/name}")
        return _read(info.context.path / value["file"])
    if isinstance(value, str | bytes | SecretBytes):
        return value
    raise wrong("is not a secret", "write a string (quote it if it is a number), or {file: /run/secrets/name}")


def _read(path: Path) -> bytes:
    """Read a secret file: a regular file of bounded size, without the newline that editors leave at its end."""
    try:
        # Not to wait for a writer should the path be a FIFO; what is opened is what is then examined.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a Path cannot open a descriptor
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            content = file.read(SECRET_BYTES + 1) if regular else b""
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        raise wrong(
            f"names a secret file that cannot be read: {why}: {shown_path(path)}",
            "relative paths begin at the configuration's folder",
        ) from None
    if not regular:
        raise wrong(f"names a secret file that is not a regular file: {shown_path(path)}")
    if len(content) > SECRET_BYTES:
        raise wrong(f"names a secret file of more than {SECRET_BYTES} bytes: {shown_path(path)}")
    return content.removesuffix(b"\n").removesuffix(b"\r")


def _beside(value: str, info: ValidationInfo) -> str:
    return str(info.context.path / value) if isinstance(info.context, Folder) else value


def _log(value: str, info: ValidationInfo) -> str:
    return value if value in {"-", "stdout", "stderr"} else _beside(value, info)


Secret = Annotated[
    SecretBytes,
    BeforeValidator(_secret),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"file": {"type": "string", "description": "Path of the file with the secret."}},
                    "required": ["file"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]
"""Bytes that are never shown. Written as a string (`${NAME}`), or `{file: path}`."""

FilePath = Annotated[Text, AfterValidator(_beside)]
"""A path; relative ones are resolved against the folder of the configuration."""

LogPath = Annotated[Text, AfterValidator(_log)]
"""`-` or `stdout`, `stderr`, or a path as in `FilePath`."""
