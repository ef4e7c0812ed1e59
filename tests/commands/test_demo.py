from __future__ import annotations

import pytest
from click.testing import CliRunner

from ostiary.commands.demo import command
from ostiary.demo import run as module


@pytest.mark.parametrize("code", [0, 1])
def test_the_exit_code_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    given: dict[str, object] = {}

    async def run(_telling: object, **options: object) -> int:
        given.update(options)
        return code

    monkeypatch.setattr(module, "run", run)
    assert CliRunner().invoke(command, ["--once", "--workers", "3"]).exit_code == code
    assert given == {"once": True, "workers": 3}


def test_an_interrupt_ends_it_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(_telling: object, **_options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run", run)
    result = CliRunner().invoke(command)
    assert (result.exit_code, result.output) == (130, "")
