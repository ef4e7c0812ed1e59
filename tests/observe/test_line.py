from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ostiary.observe.line import MAX_LINE, line

WHEN = datetime(2026, 11, 23, 1, 2, 3, 456789, UTC)


class Record(msgspec.Struct, omit_defaults=True):
    time: datetime
    path: str
    subject: str = ""
    count: int = 0


def test_a_plain_record_is_one_line_of_json_without_defaults() -> None:
    assert line(Record(WHEN, "/a", count=3)) == b'{"time":"2026-11-23T01:02:03.456789Z","path":"/a","count":3}\n'


@pytest.mark.parametrize(
    "hostile",
    [
        "/a\r\nX: 1",
        "\x1b[2J",
        "\x9b31m",
        '"}{"forged":"',
        "\\",
        "\x7f",
        "\u2028",
        "\u202e",
        "é",
        "\U0001f600",
        "\ud800",
    ],
)
def test_what_a_caller_sends_is_escaped(hostile: str) -> None:
    """Case L3: line feeds, terminal escapes and quotes."""
    written = line(Record(WHEN, hostile))
    assert written.endswith(b"\n")
    assert all(0x20 <= byte < 0x7F for byte in written[:-1])
    assert msgspec.json.decode(written)["path"] == hostile.replace("\ud800", "?")


def test_the_careful_way_writes_the_same_members() -> None:
    plain = msgspec.json.decode(line(Record(WHEN, "e", count=1)))
    careful = msgspec.json.decode(line(Record(WHEN, "é", count=1)))
    assert careful == plain | {"path": "é"}


def test_a_line_too_long_is_cut_and_says_so() -> None:
    written = msgspec.json.decode(line(Record(WHEN, "/" + "a" * 8000, "who")))
    assert written["path"] == "/" + "a" * 255
    assert (written["subject"], written["truncated"]) == ("who", True)


@given(st.text(alphabet=st.characters(), max_size=6000), st.text(alphabet=st.characters(), max_size=6000))
@example("\x00" * 6000, "\U0001f600" * 6000)
def test_whatever_comes_is_one_bounded_line(path: str, subject: str) -> None:
    written = line(Record(WHEN, path, subject))
    assert len(written) <= MAX_LINE
    assert written.isascii()
    assert written.count(b"\n") == 1
    assert "path" in msgspec.json.decode(written)
