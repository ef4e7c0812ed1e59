"""Values that live elsewhere: files named by the configuration, and secrets kept in them.

A path counts from the folder of the configuration that names it. A secret is a string, or `{file: path}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, BeforeValidator, SecretBytes, ValidationInfo, WithJsonSchema

from ostiary.config.files import Unreadable, read_file
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
        content = read_file(path, SECRET_BYTES)
    except Unreadable as error:
        raise wrong(f"names a secret file that {error.message}", error.hint) from None
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
