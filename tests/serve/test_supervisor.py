from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

import pytest

from ostiary.config.model import Config
from ostiary.observe import families
from ostiary.observe.snapshot import Distribution, Snapshot
from ostiary.serve.messages import Status
from ostiary.serve.process import WorkerProcess
from ostiary.serve.supervisor import CannotServe, Supervisor
from tests.support.documents import document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class FakeWorker(WorkerProcess):
    """A worker whose life is in the test's hands: it lives until `die`, and obeys a drain unless it is `stubborn`."""

    def __init__(self, index: int, pid: int, *, stubborn: bool = False) -> None:
        self.index, self.pid = index, pid
        self.ready, self.failure = False, ""
        self.status = Status(True, {}, True)
        self.heard = self.started = 0.0
        self.snapshot = Snapshot(
            {families.CLIENT_CONNECTIONS_OPENED.name: {(): 10}, families.CLIENT_CONNECTIONS.name: {(): 1}},
            {families.DECISION_SECONDS.name: Distribution([1], 0.5)},
        )
        self.drained: list[float] = []
        self.listens = asyncio.Event()
        self._stubborn = stubborn
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def attend(self, on_ready: Callable[[], None]) -> int:
        await asyncio.sleep(0)
        if not self.failure:
            self.ready = True
            self.listens.set()
            on_ready()
        try:
            return await self._ended
        finally:
            self.ready = False

    async def collect(self) -> Snapshot:
        return self.snapshot

    def drain(self, seconds: float) -> None:
        self.drained.append(seconds)
        if not self._stubborn:
            self.die(0)

    def kill(self) -> None:
        self.die(-signal.SIGKILL)

    def die(self, code: int) -> None:
        if not self._ended.done():
            self._ended.set_result(code)


class Scene:
    """A supervisor over fake workers, and what it said."""

    def __init__(self, workers: int, *, drain: float = 30.0, stubborn: bool = False, failure: str = "") -> None:
        self.now = 0.0
        self.said: list[str] = []
        self.spawned: list[FakeWorker] = []
        self.started = asyncio.Event()
        self._spawned = asyncio.Event()
        self._stubborn, self._failure = stubborn, failure
        config = Config.model_validate(document("http://127.0.0.1:1", server={"drain": drain}))
        self.supervisor = Supervisor(
            config, workers, "1.2.3", self.said.append, monotonic=lambda: self.now, spawn=self._spawn
        )
        self.run = asyncio.create_task(self.supervisor.run(self.started.set))

    async def _spawn(self, index: int) -> WorkerProcess:
        worker = FakeWorker(index, 100 + len(self.spawned), stubborn=self._stubborn)
        worker.heard = worker.started = self.now
        self.spawned.append(worker)
        self._spawned.set()
        if self._failure:
            worker.failure = self._failure
            worker.die(1)
        return worker

    async def spawned_in_all(self, count: int) -> None:
        """Wait until so many workers have been started since the beginning, the last of which then listens."""
        async with asyncio.timeout(5):
            while len(self.spawned) < count:
                self._spawned.clear()
                await self._spawned.wait()
            await self.spawned[-1].listens.wait()

    async def value(self, name: str, *labels: str) -> float:
        return (await self.supervisor.metrics()).values[name][labels]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene(2)
    await scene.started.wait()
    yield scene
    scene.run.cancel()
    await asyncio.gather(scene.run, return_exceptions=True)


async def test_it_starts_when_all_listen_and_ends_when_all_have_drained(scene: Scene) -> None:
    assert [worker.index for worker in scene.spawned] == [0, 1]
    assert scene.supervisor.health().ready
    scene.supervisor.stop()
    await scene.run
    assert [worker.drained for worker in scene.spawned] == [[30.0], [30.0]]
    assert len(scene.spawned) == 2


async def test_a_worker_that_dies_is_replaced_and_the_others_are_left_alone(scene: Scene) -> None:
    """Case FP1."""
    scene.spawned[1].die(-signal.SIGKILL)
    await scene.spawned_in_all(3)
    assert [worker.index for worker in scene.spawned] == [0, 1, 1]
    assert scene.spawned[0].drained == []
    assert scene.said == ["Worker 1 was killed by SIGKILL; starting another in 0.1 s."]
    assert await scene.value("ostiary_worker_restarts_total") == 1


async def test_counters_do_not_fall_when_a_worker_dies(scene: Scene) -> None:
    assert await scene.value("ostiary_client_connections_opened_total") == 20
    scene.spawned[0].die(1)
    await scene.spawned_in_all(3)
    assert await scene.value("ostiary_client_connections_opened_total") == 30
    assert await scene.value("ostiary_client_connections") == 2  # what the dead one held is gone
    assert (await scene.supervisor.metrics()).distributions["ostiary_decision_seconds"].counts == [3]


async def test_its_own_metrics(scene: Scene) -> None:
    assert await scene.value("ostiary_workers", "configured") == 2
    assert await scene.value("ostiary_workers", "ready") == 2
    assert await scene.value("ostiary_build_info", "1.2.3") == 1


async def test_a_blocked_worker_is_told_of_and_only_a_hung_one_replaced(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case FP6."""
    scene.now = 6.0
    assert await scene.value("ostiary_workers_unresponsive") == 2
    assert len(scene.spawned) == 2
    monkeypatch.setattr("ostiary.serve.supervisor._WATCH_SECONDS", 0.0)
    scene.now, scene.spawned[0].heard = 40.0, 39.0
    await scene.spawned_in_all(3)
    assert scene.spawned[2].index == 1
    assert "has not answered for 30 s" in scene.said[0]


async def test_a_worker_that_cannot_start_ends_the_gateway_with_its_reason() -> None:
    scene = Scene(2, failure="Address already in use")
    with pytest.raises(CannotServe, match="Worker 0 cannot start: Address already in use"):
        await scene.run
    assert not scene.started.is_set()


async def test_a_second_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ostiary.serve.supervisor._MARGIN_SECONDS", 0.0)
    scene = Scene(2, stubborn=True)
    await scene.started.wait()
    scene.supervisor.stop()
    await asyncio.sleep(0)
    assert not scene.supervisor.health().ready
    scene.supervisor.stop()
    await scene.run
    assert scene.said == ["Open requests were cut off."]
    assert [worker.drained for worker in scene.spawned] == [[30.0, 0], [30.0, 0]]  # to write down what they cut


async def test_a_drain_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Case FP3, as far as it is the supervisor's."""
    monkeypatch.setattr("ostiary.serve.supervisor._MARGIN_SECONDS", 0.0)
    scene = Scene(1, drain=0.01, stubborn=True)
    await scene.started.wait()
    scene.supervisor.stop()
    await scene.run
    assert scene.said == ["Open requests ran out of time."]


async def test_a_worker_spawned_while_stopping_is_drained_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(1)
    await scene.started.wait()
    spawn = scene.supervisor._spawn

    async def slow(index: int) -> WorkerProcess:
        worker = await spawn(index)
        scene.supervisor.stop()
        return worker

    monkeypatch.setattr(scene.supervisor, "_spawn", slow)
    scene.spawned[0].die(1)
    await scene.run
    assert scene.spawned[1].drained == [0]


async def test_a_system_that_will_not_start_processes_is_asked_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawn = scene.supervisor._spawn
    refusals = [OSError(11, "Resource temporarily unavailable")]

    async def refused(index: int) -> WorkerProcess:
        with contextlib.suppress(IndexError):
            raise refusals.pop()
        return await spawn(index)

    monkeypatch.setattr(scene.supervisor, "_spawn", refused)
    scene.spawned[0].die(1)
    await scene.spawned_in_all(3)
    assert "could not be started: Resource temporarily unavailable" in scene.said[1]


async def test_a_bug_here_is_no_good_end(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def bug(_index: int) -> WorkerProcess:
        raise RuntimeError("bug")

    monkeypatch.setattr(scene.supervisor, "_spawn", bug)
    scene.spawned[0].die(1)
    with pytest.raises(RuntimeError, match="bug"):
        await scene.run
