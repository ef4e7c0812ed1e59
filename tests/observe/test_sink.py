from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ostiary.observe import sink as module
from ostiary.observe.line import MAX_LINE
from ostiary.observe.sink import Sink

if TYPE_CHECKING:
    from pathlib import Path


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    sink = Sink(str(path))
    assert sink.write([b"a\n", b"b\n"]) == 0
    sink.close()
    assert path.read_bytes() == b"before\na\nb\n"


def test_a_new_file_is_not_for_everybody(tmp_path: Path) -> None:
    Sink(str(tmp_path / "log")).close()
    assert (tmp_path / "log").stat().st_mode & 0o027 == 0


def test_a_full_volume_costs_the_lines_and_nothing_else() -> None:
    """Case FD1."""
    sink = Sink("/dev/full")
    assert sink.write([b"a\n", b"b\n"]) == 2
    assert sink.write([b"c\n"]) == 1
    sink.close()


def test_a_path_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Sink(str(tmp_path / "absent" / "log"))


def test_a_named_pipe_without_a_reader_is_told_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device"):
        Sink(str(tmp_path / "pipe"))


def test_rotation_by_renaming_is_followed(tmp_path: Path) -> None:
    path, moved = tmp_path / "log", tmp_path / "log.1"
    sink = Sink(str(path))
    sink.write([b"a\n"])
    path.rename(moved)
    sink.write([b"b\n"])
    sink.close()
    assert (moved.read_bytes(), path.read_bytes()) == (b"a\n", b"b\n")


def test_rotation_by_truncating_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    sink = Sink(str(path))
    sink.write([b"a\n"])
    os.truncate(path, 0)
    sink.write([b"b\n"])
    sink.close()
    assert path.read_bytes() == b"b\n"


def test_a_folder_that_went_away_keeps_the_open_file(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    sink = Sink(str(folder / "log"))
    (folder / "log").rename(tmp_path / "kept")
    folder.rmdir()
    assert sink.write([b"a\n"]) == 0
    sink.close()
    assert (tmp_path / "kept").read_bytes() == b"a\n"


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """A pipe whose writing end is a standard stream called `pipe`."""
    reader, writer = os.pipe()
    monkeypatch.setitem(module._STREAMS, "pipe", writer)
    return reader, writer


def test_a_pipe_takes_only_what_it_takes_in_one_piece(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    write = os.write

    def measured(fd: int, data: bytes) -> int:
        sizes.append(len(data))
        return write(fd, data)

    monkeypatch.setattr(os, "write", measured)
    lines = [b"x" * 999 + b"\n"] * 10
    assert Sink("pipe").write(lines) == 0
    assert sizes == [4000, 4000, 2000]
    assert max(sizes) <= MAX_LINE
    assert os.read(pipe[0], 20_000) == b"".join(lines)


def test_a_full_pipe_that_does_not_block_loses_lines_and_tears_none(pipe: tuple[int, int]) -> None:
    """Case L5: nobody reads, and the system says EAGAIN."""
    reader, writer = pipe
    os.set_blocking(writer, False)
    sink = Sink("pipe")
    lines = [b"%07d\n" % number for number in range(20_000)]
    lost = sink.write(lines)
    assert 0 < lost < len(lines)
    taken = os.read(reader, 1_000_000)
    assert sink.write([b"after\n"]) == 0
    taken += os.read(reader, 1_000_000)
    whole = [line for line in taken.splitlines(keepends=True) if line in lines]
    assert len(whole) == len(lines) - lost
    assert taken.endswith(b"\nafter\n")


def test_a_reader_that_left_loses_lines(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    assert Sink("pipe").write([b"a\n"]) == 1


def test_a_torn_line_is_ended_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log"
    sink = Sink(str(path))
    write = os.write
    room = [3]

    def little(fd: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(28, "No space left on device")
        data = data[: room[0]]
        room[0] -= len(data)
        return write(fd, data)

    monkeypatch.setattr(os, "write", little)
    assert sink.write([b"a\n", b"long\n"]) == 1
    room[0] = 100
    assert sink.write([b"b\n"]) == 0
    assert path.read_bytes() == b"a\nl\nb\n"


def test_several_writers_of_one_file_tear_no_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = {b"%d" % number: [b"%d" % number * 500 + b"\n"] * 200 for number in range(4)}

    def append(name: bytes) -> None:
        sink = Sink(str(path))
        for _ in range(5):
            sink.write(lines[name])
        sink.close()

    with ThreadPoolExecutor() as threads:
        list(threads.map(append, lines))
    written = path.read_bytes().splitlines(keepends=True)
    assert len(written) == 4 * 1000
    assert set(written) == {entries[0] for entries in lines.values()}
