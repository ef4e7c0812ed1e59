from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ostiary.config.files import Unreadable, read_file

if TYPE_CHECKING:
    from pathlib import Path


def why(path: Path | str) -> str:
    with pytest.raises(Unreadable) as caught:
        read_file(path, 3)
    assert str(caught.value) == caught.value.message
    return caught.value.message


def test_a_file_is_read_to_its_bound(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    assert read_file(file, 3) == read_file(str(file), 3) == b"abc"
    file.write_bytes(b"abcd")
    assert why(file) == f"is larger than 3 bytes: {file}"


def test_what_cannot_be_read_is_named_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert why(tmp_path / "fifo") == f"is not a regular file: {tmp_path}/fifo"
    (tmp_path / "sub").mkdir()
    assert why(tmp_path / "sub") == f"cannot be read: Is a directory: {tmp_path}/sub"
    assert why(tmp_path / "none") == f"cannot be read: No such file or directory: {tmp_path}/none"
    assert why("/a\0b") == "cannot be read: not a path: /…"
