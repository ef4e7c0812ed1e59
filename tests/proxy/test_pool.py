"""Choosing, waiting, repeating and giving up, on real connections; time is the test's own."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.support.recording import OK
from tests.support.upstreams import refusing, several

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ostiary.proxy.upstream import UpstreamConnection
    from tests.support.http1 import Answer
    from tests.support.recording import Conversation
    from tests.support.upstreams import Several

BROKEN = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
NONSENSE = b"SSH-2.0-OpenSSH\r\n\r\n"


async def reset(conversation: Conversation) -> None:
    conversation.reset()


async def silence(conversation: Conversation) -> None:
    await conversation.reader.read()


def told(answer: Answer) -> tuple[int, object, str | None]:
    return answer.status, answer.json["error"], answer.value("Retry-After")


# One target that fails among others that do not.


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("balance", ["round-robin", "least-loaded"])
async def test_no_caller_notices_a_target_that_refuses_connections(tmp_path: Path, method: str, balance: str) -> None:
    """Nothing was sent to it, so anything may be sent to another."""
    async with several(tmp_path, 2, bad=1, balance=balance) as api:
        assert await api.statuses(40, method) == [200] * 40
        assert sum(api.counts) == 40
        assert api.metric("retries_total", "repeated") == 3
        assert api.metric("failures_total", "connect") == 3
        assert api.metric("circuit_open") == 0
        assert api.metric("target_up", api.pool._targets[0].name) == 0


async def test_a_target_that_has_rested_is_tried_with_one_request_in_as_long(tmp_path: Path) -> None:
    async with several(tmp_path, 1, bad=1, health={"failures": 1, "rest": "10s"}) as api:
        for expected in (1, 1, 2, 2, 3):
            await api.statuses(5)
            assert api.metric("failures_total", "connect") == expected
            api.gate.clock.now += 5.1


async def test_a_target_that_answers_again_is_used_again(tmp_path: Path) -> None:
    async with several(tmp_path, 2, balance="round-robin") as api:
        bad = api.recordings[0]
        bad.answer(NONSENSE, NONSENSE, NONSENSE)
        assert sorted(await api.statuses(12)) == [200] * 9 + [502] * 3
        assert api.counts == [3, 9]
        api.gate.clock.now += 10.1
        assert await api.statuses(10) == [200] * 10
        assert api.counts[0] > 6
        assert api.pool._calm


async def test_statuses_count_as_failures_if_they_are_said_to(tmp_path: Path) -> None:
    async with several(tmp_path, 2, balance="round-robin", health={"failing_statuses": [500]}) as api:
        api.recordings[0].default = BROKEN
        assert sorted(await api.statuses(20)) == [200] * 17 + [500] * 3
    async with several(tmp_path, 2, balance="round-robin") as api:
        api.recordings[0].default = BROKEN
        assert sorted(await api.statuses(20)) == [200] * 10 + [500] * 10
        assert api.pool._calm


async def test_failures_that_are_not_in_a_row_send_nobody_to_rest(tmp_path: Path) -> None:
    async with several(tmp_path, 1) as api:
        api.recordings[0].answer(*[NONSENSE, NONSENSE, OK] * 5)
        assert await api.statuses(15) == [502, 502, 200] * 5
        assert api.pool._targets[0].out_until == 0.0
        assert api.metric("circuit_opened_total") == 0


async def test_answers_that_end_with_their_connection_count_as_well(tmp_path: Path) -> None:
    """Success must not be told by a connection's return: there are services that close each one."""
    async with several(tmp_path, 1) as api:
        api.recordings[0].answer(
            NONSENSE, NONSENSE, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
        assert await api.statuses(3) == [502, 502, 200]
        assert api.pool._targets[0].row.failures == 0
        assert not api.pool.attentive


async def test_an_answer_that_breaks_off_is_a_failure(tmp_path: Path) -> None:
    async def half(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        conversation.close()

    async with several(tmp_path, 1) as api:
        api.recordings[0].default = half
        for failures in (1, 2):
            async with api.gate.connect() as client:
                with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                    await client.ask("GET", "/")
            assert api.pool._targets[0].row.failures == failures


# The circuit.


async def test_the_circuit_opens_half_opens_and_closes(tmp_path: Path) -> None:
    async with several(tmp_path, 1) as api:
        api.recordings[0].answer(*[NONSENSE] * 5)
        assert await api.statuses(5) == [502] * 5
        assert (api.metric("circuit_open"), api.metric("circuit_opened_total")) == (1, 1)
        async with api.gate.connect() as client:
            assert told(await client.ask("GET", "/")) == (503, "upstream_unavailable", "30")
            api.gate.clock.now += 29.0
            assert told(await client.ask("GET", "/")) == (503, "upstream_unavailable", "1")
        assert api.counts == [5]
        assert api.metric("failures_total", "circuit") == 2
        api.gate.clock.now += 1.0
        assert await api.statuses(1) == [200]
        assert api.metric("circuit_open") == 0.5
        assert await api.statuses(3) == [200] * 3
        assert api.metric("circuit_open") == 0
        assert not api.pool.attentive
        assert api.pool._only is api.pool._targets[0]


async def test_a_probe_that_fails_opens_it_again(tmp_path: Path) -> None:
    async with several(tmp_path, 1, circuit={"failures": 2, "recover_after": "5s"}) as api:
        api.recordings[0].answer(*[NONSENSE] * 3)
        assert await api.statuses(3) == [502, 502, 503]
        api.gate.clock.now += 5.0
        assert await api.statuses(2) == [502, 503]
        assert api.metric("circuit_opened_total") == 2
        api.gate.clock.now += 5.0
        assert await api.statuses(2) == [200, 200]


async def test_no_more_than_the_probes_are_under_way_at_once(tmp_path: Path) -> None:
    finish = asyncio.Event()

    async def slow(conversation: Conversation) -> None:
        await finish.wait()
        await conversation.send(OK)

    async with several(tmp_path, 1, circuit={"failures": 1, "recover_after": "5s"}) as api:
        api.recordings[0].answer(NONSENSE, slow, slow)
        assert await api.statuses(1) == [502]
        api.gate.clock.now += 5.0
        probes = [asyncio.ensure_future(api.statuses(1)) for _ in range(2)]
        await api.recordings[0].arrived(3)
        assert await api.statuses(3) == [503] * 3
        finish.set()
        assert await asyncio.gather(*probes) == [[200], [200]]
        assert await api.statuses(3) == [200] * 3


async def test_a_stream_proves_itself_with_its_head(tmp_path: Path) -> None:
    async def stream(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await conversation.reader.read()

    async with several(tmp_path, 1, circuit={"failures": 1, "recover_after": "5s", "probes": 1}) as api:
        api.recordings[0].answer(NONSENSE, stream)
        assert await api.statuses(1) == [502]
        api.gate.clock.now += 5.0
        async with api.gate.connect() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.reader.readuntil(b"x\r\n")
            assert await api.statuses(1) == [200]


async def test_a_client_that_leaves_its_probe_makes_room_for_another(tmp_path: Path) -> None:
    async with several(tmp_path, 1, circuit={"failures": 1, "recover_after": "5s", "probes": 1}) as api:
        api.recordings[0].answer(NONSENSE, silence)
        assert await api.statuses(1) == [502]
        api.gate.clock.now += 5.0
        async with api.gate.connect() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await api.recordings[0].arrived(2)
        await api.gate.settle(lambda: len(api.pool._probes))
        assert await api.statuses(2) == [200, 200]


@pytest.mark.parametrize("complete", [True, False])
async def test_probes_that_trickle_make_room_for_others(tmp_path: Path, *, complete: bool) -> None:
    """At once for what is complete; for other uploads, of which there may be nothing else, after a grace."""
    half = b"POST /slow HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 9\r\n\r\n1234"
    circuit = {"failures": 1, "probes": 2, "recover_after": "30s"}
    async with several(tmp_path, 1, circuit=circuit) as api, api.gate.connect() as one, api.gate.connect() as two:
        api.recordings[0].answer(NONSENSE)
        await api.statuses(1)
        api.gate.clock.now += 30.1
        for client in (one, two):
            await client.send(half)
        await api.gate.settle()
        assert (api.metric("circuit_open"), api.recordings[0].open) == (0.5, 2)
        async with api.gate.connect() as other:
            if complete:
                assert [(await other.ask("GET", "/")).status for _ in range(2)] == [200, 200]
            else:
                assert told(await other.ask("POST", "/", body=b"x"))[0] == 503
        if not complete:
            api.gate.clock.now += 1.1
            assert await api.statuses(1, "POST") == [200]
            async with api.gate.connect() as other:
                assert (await other.ask("POST", "/", body=b"x")).status == 200
        assert api.metric("circuit_open") == 0
        for client in (one, two):
            await client.send(b"56789")
            assert (await client.answer()).status == 200, "and go on all the same"


async def test_a_probe_that_is_complete_makes_room_for_nobody(tmp_path: Path) -> None:
    async with several(tmp_path, 1, circuit={"failures": 1, "probes": 1}) as api, api.gate.connect() as probe:
        api.recordings[0].answer(NONSENSE, silence)
        await api.statuses(1)
        api.gate.clock.now += 30.1
        await probe.send(b"POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1\r\n\r\n1")
        await api.recordings[0].arrived(2)
        api.gate.clock.now += 10.0
        assert await api.statuses(2) == [503, 503]


async def test_what_another_target_answers_is_no_failure_of_the_upstream(tmp_path: Path) -> None:
    async with several(tmp_path, 1, bad=1, circuit={"failures": 1}, health={"failures": 1, "rest": "1s"}) as api:
        for _ in range(5):
            assert await api.statuses(3) == [200] * 3
            api.gate.clock.now += 1.1
        assert api.metric("failures_total", "connect") == 5
        assert api.metric("circuit_opened_total") == 0


# Failures in a row, while others are answered.


async def slow_ones(api: Several, count: int) -> list[asyncio.Task[list[int]]]:
    """Send so many requests at once that are never answered."""
    before = sum(api.counts)
    for recording in api.recordings:
        recording.answer(*[silence] * (count // len(api.recordings)))
    asking = [asyncio.ensure_future(api.statuses(1)) for _ in range(count)]
    await asyncio.gather(*(each.arrived((before + count) // len(api.recordings)) for each in api.recordings))
    await api.gate.settle()
    return asking


async def test_slow_requests_of_one_caller_are_nobody_elses_failure(tmp_path: Path) -> None:
    """They end in one sweep, with no good answer between their ends, but with many while they waited."""
    async with several(tmp_path, 1) as api:
        for _ in range(3):
            asking = await slow_ones(api, 5)
            for _ in range(4):
                api.gate.pass_time(7.0)
                assert await api.statuses(2) == [200] * 2
            api.gate.pass_time(2.1)
            assert await asyncio.gather(*asking) == [[504]] * 5
            assert (api.pool._targets[0].row.failures, api.pool._circuit.row.failures) == (1, 1)
            assert await api.statuses(1) == [200]
            assert not api.pool.attentive
        assert api.pool._targets[0].out_until == 0.0
        assert api.metric("circuit_opened_total") == 0


@pytest.mark.parametrize("status", [b"204", b"304", b"404", b"500"])
async def test_every_answer_that_is_no_failure_is_good(tmp_path: Path, status: bytes) -> None:
    good = b"HTTP/1.1 %b \r\n%b\r\n" % (status, b"" if status in (b"204", b"304") else b"Content-Length: 0\r\n")
    async with several(tmp_path, 1, health={"failing_statuses": [503]}) as api:
        asking = await slow_ones(api, 5)
        api.gate.pass_time(1.0)
        api.recordings[0].answer(good)
        await api.statuses(1)
        api.gate.pass_time(29.1)
        assert await asyncio.gather(*asking) == [[504]] * 5
        assert api.metric("circuit_opened_total") == 0


async def test_slow_requests_send_no_target_of_several_to_rest(tmp_path: Path) -> None:
    async with several(tmp_path, 2, balance="round-robin") as api:
        asking = await slow_ones(api, 8)
        api.gate.pass_time(15.0)
        assert await api.statuses(4) == [200] * 4
        api.gate.pass_time(15.1)
        assert await asyncio.gather(*asking) == [[504]] * 8
        assert [target.row.failures for target in api.pool._targets] == [1, 1]
        assert [target.out_until for target in api.pool._targets] == [0.0, 0.0]


async def test_a_target_that_is_silent_rests_whatever_the_others_answer(tmp_path: Path) -> None:
    """What another target answers is no sign of life of this one."""
    async with several(tmp_path, 2, balance="round-robin") as api:
        api.recordings[0].default = silence
        asking = [asyncio.ensure_future(api.statuses(1)) for _ in range(6)]
        await api.recordings[0].arrived(3)
        await api.gate.settle()
        api.gate.pass_time(30.1)
        assert sorted(await asyncio.gather(*asking)) == [[200]] * 3 + [[504]] * 3
        assert api.pool._targets[0].out_until > api.gate.clock.now
        assert api.metric("circuit_opened_total") == 0


@pytest.mark.parametrize("before", [0, 1])
async def test_slow_requests_open_the_circuit_if_nothing_else_was_heard(tmp_path: Path, before: int) -> None:
    async with several(tmp_path, 1) as api:
        assert await api.statuses(before) == [200] * before
        api.gate.pass_time(0.25)
        asking = await slow_ones(api, 5)
        api.gate.pass_time(30.1)
        assert await asyncio.gather(*asking) == [[504]] * 5
        assert api.metric("circuit_opened_total") == 1


@pytest.mark.parametrize("fault", [reset, BROKEN, NONSENSE])
async def test_what_died_a_moment_ago_is_found_out_by_five_failures(tmp_path: Path, fault: object) -> None:
    """However few milliseconds after its last good answer, and with others under way when it died."""
    async with several(tmp_path, 1, health={"failing_statuses": [500]}) as api:
        asking = await slow_ones(api, 3)
        api.gate.pass_time(29.0)
        assert await api.statuses(5) == [200] * 5
        api.gate.pass_time(1.1)
        assert await asyncio.gather(*asking) == [[504]] * 3
        assert api.pool._circuit.row.failures == 1
        api.recordings[0].default = fault  # type: ignore[assignment]  # an `object` among the parameters
        failing = 500 if fault is BROKEN else 502
        assert await api.statuses(5) == [failing] * 4 + [503]
        assert api.metric("circuit_opened_total") == 1


async def test_answers_that_break_off_are_not_taken_for_good_ones(tmp_path: Path) -> None:
    """Though they are counted by the status with which they began."""

    async def half(conversation: Conversation) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await conversation.reader.read()

    async def ask() -> None:
        async with api.gate.connect() as client:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await client.ask("GET", "/")

    async with several(tmp_path, 1) as api:
        api.recordings[0].default = half
        asking = [asyncio.ensure_future(ask()) for _ in range(5)]
        await api.recordings[0].arrived(5)
        await api.gate.settle()
        api.gate.pass_time(60.1)
        await asyncio.gather(*asking)
        assert api.metric("circuit_opened_total") == 1


# Repeating.


async def test_the_budget_of_repetitions_is_kept(tmp_path: Path) -> None:
    """And a caller who would have to be repeated beyond it is told that the upstream failed."""
    lasting = {"failures": 10**6}
    budget = {"share": 0.0, "per_second": 1}
    async with several(tmp_path, 1, bad=1, health=lasting, balance="round-robin", retries=budget) as api:
        statuses = await api.statuses(40)
        assert (statuses.count(200), statuses.count(502)) == (30, 10)
        assert api.metric("retries_total", "repeated") == 10
        assert api.metric("retries_total", "over_budget") == 10
        api.gate.clock.now += 2.0
        assert (await api.statuses(8)).count(502) == 2


async def test_each_target_is_asked_once_at_most(tmp_path: Path) -> None:
    async with several(tmp_path, 0, bad=3) as api:
        assert await api.statuses(1) == [502]
        assert [target.row.failures for target in api.pool._targets] == [1, 1, 1]


async def test_a_lost_connection_is_made_up_for_by_another_target(tmp_path: Path) -> None:
    async with several(tmp_path, 2, balance="round-robin") as api:
        assert await api.statuses(2) == [200, 200]
        api.recordings[0].answer(reset)
        assert await api.statuses(4) == [200] * 4
        assert api.metric("retries_total", "repeated") == 1
        assert api.pool._targets[0].row.failures == 0


async def test_beyond_the_budget_a_lost_connection_is_502(tmp_path: Path) -> None:
    async with several(tmp_path, 1, retries={"share": 0, "per_second": 0}) as api:
        api.recordings[0].answer(OK, reset)
        assert await api.statuses(3) == [200, 502, 200]


# Waiting.


async def test_requests_wait_for_a_connection_in_their_order_and_not_for_ever(tmp_path: Path) -> None:
    finish = asyncio.Event()

    async def slow(conversation: Conversation) -> None:
        await finish.wait()
        await conversation.send(OK)

    async with several(tmp_path, 1, connections=1, queue=2, queue_timeout="3s") as api:
        api.recordings[0].answer(slow)
        first = asyncio.ensure_future(api.statuses(1))
        await api.recordings[0].arrived(1)
        second = asyncio.ensure_future(api.statuses(1))
        await api.gate.settle(lambda: len(api.pool._waiting))
        api.gate.pass_time(2.0)
        third = asyncio.ensure_future(api.statuses(1))
        await api.gate.settle(lambda: len(api.pool._waiting))
        assert api.metric("waiting") == 2
        async with api.gate.connect() as client:
            assert told(await client.ask("GET", "/")) == (503, "upstream_unavailable", "1")
        api.gate.pass_time(1.5)
        assert await second == [503]
        finish.set()
        assert [await first, await third] == [[200], [200]]
        assert api.metric("failures_total", "queue") == 2
        assert api.recordings[0].connections == 1


async def test_those_who_left_take_no_place_in_the_queue(tmp_path: Path) -> None:
    finish = asyncio.Event()

    async def slow(conversation: Conversation) -> None:
        await finish.wait()
        await conversation.send(OK)

    async with several(tmp_path, 1, connections=1, queue=1) as api:
        api.recordings[0].answer(slow)
        first = asyncio.ensure_future(api.statuses(1))
        await api.recordings[0].arrived(1)
        async with api.gate.connect() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await api.gate.settle(lambda: len(api.pool._waiting))
        await api.gate.settle()
        assert api.metric("waiting") == 0
        second = asyncio.ensure_future(api.statuses(1))
        await api.gate.settle(lambda: len(api.pool._waiting))
        finish.set()
        assert await first == await second == [200]


async def test_who_waits_for_a_connection_that_is_lost_gets_a_new_one(tmp_path: Path) -> None:
    lost = asyncio.Event()

    async def gone(conversation: Conversation) -> None:
        await lost.wait()
        conversation.reset()

    async with several(tmp_path, 1, connections=1) as api:
        api.recordings[0].answer(gone)
        first = asyncio.ensure_future(api.statuses(1))
        await api.recordings[0].arrived(1)
        second = asyncio.ensure_future(api.statuses(1))
        await api.gate.settle(lambda: len(api.pool._waiting))
        lost.set()
        assert (await first, await second) == ([502], [200])


async def test_a_full_target_leaves_requests_to_another(tmp_path: Path) -> None:
    async with several(tmp_path, 2, balance="round-robin", connections=1) as api:
        api.recordings[0].default = silence
        async with api.gate.connect() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await api.recordings[0].arrived(1)
            assert await api.statuses(6) == [200] * 6
            assert api.counts == [1, 6]


async def test_no_more_connections_than_allowed_are_made(tmp_path: Path) -> None:
    async with several(tmp_path, 2, connections=3) as api:
        assert await asyncio.gather(*(api.statuses(3) for _ in range(50))) == [[200] * 3] * 50
        assert all(recording.connections <= 3 for recording in api.recordings)


# What callers are told.


async def test_a_target_that_takes_no_connection_is_504(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        where = full.getsockname()
        targets = [f"http://127.0.0.1:{where[1]}"]
        with socket.socket() as one, socket.socket() as other:
            for waiting in (one, other):
                waiting.setblocking(False)
                waiting.connect_ex(where)
            async with (
                several(tmp_path, 0, targets=targets, connect_timeout="50ms") as api,
                api.gate.connect() as client,
            ):
                assert told(await client.ask("GET", "/")) == (504, "upstream_timeout", None)


async def test_a_closed_pool_holds_nothing(tmp_path: Path) -> None:
    async with several(tmp_path, 1) as api:
        assert await api.statuses(1) == [200]
        api.pool.close()
        await api.gate.settle()
        assert api.recordings[0].open == 0
        assert api.metric("connections") == 0


async def test_refusing_is_what_it_says() -> None:
    with refusing() as url, pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))


async def test_a_target_that_speaks_before_it_is_asked_has_answered_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with several(tmp_path, 2) as api, api.gate.connect() as client:
        first, second = api.pool._targets
        open_connection = first.open_connection

        async def hasty(protocol: Callable[[], UpstreamConnection]) -> UpstreamConnection:
            connection = await open_connection(protocol)
            connection.data_received(OK)
            return connection

        monkeypatch.setattr(first, "open_connection", hasty)
        monkeypatch.setattr(second, "open_connection", hasty)
        assert told(await client.ask("GET", "/")) == (502, "upstream_error", None)
        await api.gate.settle()
        assert [target.open for target in (first, second)] == [0, 0]
        assert api.pool.metrics.opened.value == 2
    assert api.counts == [0, 0]
