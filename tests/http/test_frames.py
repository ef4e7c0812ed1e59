from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import CLIENT, SERVER, Protocol

from ostiary.http.frames import Frames, close_frame

SIZES = st.sampled_from([0, 1, 2, 125, 126, 127, 300, 65535, 65536, 70000])
FRAME = st.tuples(SIZES, st.booleans(), st.sampled_from([Opcode.BINARY, Opcode.TEXT]))
FRAMES = st.lists(FRAME, min_size=1, max_size=5)


def serialized(size: int, opcode: Opcode, *, masked: bool) -> bytes:
    return Frame(opcode, bytes(size)).serialize(mask=masked)


@given(FRAMES, st.lists(st.integers(min_value=1, max_value=200_000), max_size=12))
def test_the_place_between_frames_is_known_however_they_are_cut(
    frames: list[tuple[int, bool, Opcode]], cuts: list[int]
) -> None:
    raw, edges = b"", {0}
    for size, masked, opcode in frames:
        raw += serialized(size, opcode, masked=masked)
        edges.add(len(raw))
    here, follower = 0, Frames()
    for cut in [*sorted({cut for cut in cuts if cut < len(raw)}), len(raw)]:
        follower.feed(raw[here:cut])
        here = cut
        assert follower.between == (here in edges)
        assert not follower.closed


@given(FRAMES, st.data())
def test_the_rest_of_a_frame_is_just_that(frames: list[tuple[int, bool, Opcode]], data: st.DataObject) -> None:
    raw, edges = b"", [0]
    for size, masked, opcode in frames:
        raw += serialized(size, opcode, masked=masked)
        edges.append(len(raw))
    start = data.draw(st.integers(min_value=0, max_value=len(raw)))
    follower = Frames()
    if start:
        follower.feed(raw[:start])
    edge = next(edge for edge in edges if edge >= start)
    taken, here = b"", start
    while here < len(raw):  # in pieces of an odd size
        piece = follower.rest(raw[here : here + 7]) if here + 7 < edge else follower.rest(raw[here:])
        taken += piece
        here += 7 if here + 7 < edge else len(raw)
    assert taken == raw[start:edge]
    assert follower.between


@pytest.mark.parametrize("masked", [True, False])
def test_a_close_frame_is_one_to_others(*, masked: bool) -> None:
    raw = close_frame(1008, masked=masked)
    reader = Protocol(SERVER if masked else CLIENT)
    reader.receive_data(raw)
    (frame,) = (event for event in reader.events_received() if isinstance(event, Frame))
    assert (frame.opcode, Close.parse(bytes(frame.data)).code) == (Opcode.CLOSE, 1008)
    follower = Frames()
    follower.feed(raw)
    assert follower.closed


def test_of_many_frames_some_are_left_for_another_call() -> None:
    """A read holds a hundred thousand frames of two octets: following them all at once would hold everyone up."""
    raw = serialized(0, Opcode.BINARY, masked=False) * 10_000 + close_frame(1000, masked=False)
    follower, calls = Frames(), 0
    while raw:
        behind = follower.feed(raw)
        assert len(raw) - len(behind) <= 5_000
        assert raw.endswith(behind)
        raw, calls = behind, calls + 1
        assert follower.between
    assert calls > 3
    assert follower.closed


def test_a_close_frame_is_seen_only_when_it_is_complete() -> None:
    raw = Frame(Opcode.CLOSE, Close(1000, "bye").serialize()).serialize(mask=True)
    follower = Frames()
    assert not follower.closed
    for octet in raw[:-1]:
        follower.feed(bytes((octet,)))
        assert not follower.closed
    follower.feed(raw[-1:])
    assert follower.closed


def test_what_is_no_frame_at_all_is_followed_without_harm() -> None:
    follower = Frames()
    follower.feed(b"\xff" * 1000)
    assert not follower.between
    assert follower.rest(b"x" * 10) == b"x" * 10
