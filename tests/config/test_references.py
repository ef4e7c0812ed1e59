from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from pydantic import TypeAdapter, ValidationError

from ostiary.config.references import SECRET_BYTES, FilePath, Folder, LogPath, Secret

if TYPE_CHECKING:
    from pathlib import Path


def secret(value: object, folder: Path | None = None) -> bytes:
    context = Folder(folder) if folder else None
    return TypeAdapter(Secret).validate_python(value, context=context).get_secret_value()


@pytest.mark.parametrize(
    "content,value",
    [
        (b"s", b"s"),
        (b"s\n", b"s"),
        (b"s\r\n", b"s"),
        (b"s\n\n", b"s\n"),
        (b" s ", b" s "),
        (b"\xff\x00", b"\xff\x00"),
        (b"", b""),
    ],
)
def test_a_secret_file_is_taken_as_it_is_but_for_its_last_newline(tmp_path: Path, content: bytes, value: bytes) -> None:
    (tmp_path / "s").write_bytes(content)
    assert secret({"file": "s"}, tmp_path) == value
    assert secret({"file": str(tmp_path / "s")}, tmp_path) == value


def test_a_secret_may_be_a_string(tmp_path: Path) -> None:
    assert secret("s", tmp_path) == b"s"
    assert secret(b"s") == b"s"


@pytest.mark.parametrize("value", [7, True, None, [], {}, {"file": 7}, {"env": "A"}, {"file": "a", "b": 1}])
def test_what_is_no_secret(tmp_path: Path, value: object) -> None:
    with pytest.raises(ValidationError, match="is not a secret"):
        secret(value, tmp_path)


def test_no_file_is_read_for_a_configuration_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="is not a secret"):
        secret({"file": str(tmp_path)})


@pytest.mark.parametrize(
    "name,message",
    [
        ("absent", "cannot be read"),
        (".", "not a regular file|cannot be read"),
        ("\0", "not a path"),
        ("fifo", "not a regular"),
    ],
)
def test_a_file_that_gives_no_secret(tmp_path: Path, name: str, message: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ValidationError, match=message):
        secret({"file": name}, tmp_path)


def test_the_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name in ("absent", "sub"):
        (tmp_path / "sub").mkdir(exist_ok=True)
        with pytest.raises(ValidationError, match=re.escape(f": {tmp_path}/{name}")):
            secret({"file": name}, tmp_path)


def test_a_secret_in_the_place_of_its_file_s_name_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ValidationError) as caught:
        secret({"file": "2f1c8e0b97a64d35b1e07c5a9d8f3460"}, tmp_path)
    (error,) = caught.value.errors()
    assert error["msg"].endswith(f": {tmp_path}/…")


def test_a_secret_file_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"s" * (SECRET_BYTES + 1))
    with pytest.raises(ValidationError, match="larger than"):
        secret({"file": "s"}, tmp_path)


def test_a_secret_is_not_shown() -> None:
    kept = TypeAdapter(Secret).validate_python("hunter2")
    assert "hunter2" not in f"{kept} {kept!r}"


def test_paths_are_resolved_once_and_only_for_files(tmp_path: Path) -> None:
    context = Folder(tmp_path)
    assert TypeAdapter(FilePath).validate_python("a/b", context=context) == str(tmp_path / "a/b")
    assert TypeAdapter(FilePath).validate_python("/a/b", context=context) == "/a/b"
    assert TypeAdapter(FilePath).validate_python("a/b") == "a/b"
    for word in ("-", "stdout", "stderr"):
        assert TypeAdapter(LogPath).validate_python(word, context=context) == word
    assert TypeAdapter(LogPath).validate_python("a.log", context=context) == str(tmp_path / "a.log")
