from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from ostiary.demo.configuration import Addresses, render
from ostiary.demo.echo import Echo
from ostiary.demo.identity_provider import AUDIENCE
from ostiary.demo.step import Answer, Expected, Step
from ostiary.demo.telling import Telling, pasteable

AT = Addresses("http://gateway", "http://admin", "http://provider", "http://echo")
TOKEN = "eyJhbGciOiJFUzI1NiJ9.secret-part.signature"
STEP = Step(
    "A [title]", "A lesson.", "/orders", Expected(200), token=TOKEN, whose="kiosk", headers={"X-A": "b"}, before=2
)


def told(step: Step, answer: Answer, found: list[str]) -> str:
    console = Console(record=True, width=100, file=io.StringIO())
    Telling(console).step(3, step, answer, found)
    return console.export_text()


def test_a_step_tells_request_answer_and_what_the_service_saw() -> None:
    seen = Echo("GET", "/orders", {"X-User-Id": "kiosk", "Host": "h"}, 0)
    text = told(STEP, Answer(200, {"ratelimit": '"x";r=1'}, "", "", seen), [])
    for line in (
        " 3. A [title]",
        "GET /orders  (3 times)",
        "X-A: b",
        "Authorization: Bearer eyJhbGci…  (kiosk)",
        'ratelimit: "x";r=1',
        "X-User-Id: kiosk",
        "as expected",
    ):
        assert line in text
    assert "Host" not in text
    assert "secret-part" not in text


def test_a_refusal_and_a_surprise_are_told() -> None:
    text = told(STEP, Answer(401, {}, "token_expired", "Too [old].", None), ["the upstream was asked"])
    assert "401 token_expired  Too [old]." in text
    assert "was not asked" in text
    assert "the upstream was asked" in text
    assert "as expected" not in text


def test_a_service_that_saw_nobody_is_told() -> None:
    assert "saw no identity" in told(STEP, Answer(200, {}, "", "", Echo("GET", "/", {}, 0)), [])


def test_the_frame_names_every_address() -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    telling = Telling(console)
    telling.opening(AT, Path("ostiary.yaml"), "server:\n", 1.25, 2)
    telling.summary(3, 0)
    telling.summary(3, 1)
    telling.failure("the [log]")
    telling.farewell(AT, Path("ostiary.yaml"))
    text = console.export_text()
    for line in ("DEVELOPMENT ONLY", "http://admin", "http://echo", "ostiary.yaml", "server:", "ready after 1.2 s"):
        assert line in text
    for line in (
        "all 3 steps as expected",
        "1 of 3 steps went otherwise",
        "the [log]",
        *pasteable(AT, Path("ostiary.yaml")),
    ):
        assert line in text


def test_the_configuration_can_be_copied_from_what_is_shown() -> None:
    text = render(Addresses(*(f"http://127.0.0.1:{port}" for port in (28080, 29090, 29000, 29001))), AUDIENCE, 16)
    assert max(map(len, text.splitlines())) <= 72
    long = f"{text}# {'x' * 200}\n"
    console = Console(record=True, width=60, file=io.StringIO())
    Telling(console).opening(AT, Path("ostiary.yaml"), long, 1.25, 2)
    shown = console.export_text()
    for line in long.splitlines():
        assert (f"\n    {line}\n" if line else "\n\n") in shown
    assert "    \n" not in shown


def test_a_lesson_ends_where_its_words_end() -> None:
    step = Step("A title", "A lesson " * 20, "/orders", Expected(200))
    text = told(step, Answer(200, {}, "", "", None), [])
    lines = [line for line in text.splitlines() if "lesson" in line]
    assert len(lines) == 2
    assert all(line == f"    {line.strip()}" for line in lines)


@pytest.mark.parametrize("line", pasteable(AT, Path("ostiary.yaml")))
def test_what_is_to_be_pasted_is_shell(line: str) -> None:
    shell = shutil.which("sh")
    assert shell is not None
    subprocess.run([shell, "-n", "-c", line], check=True, timeout=20)


def test_the_token_line_finds_the_token() -> None:
    extract = pasteable(AT, Path("ostiary.yaml"))[0].partition(" | ")[2].removesuffix("; }")
    answer = b'{"access_token":"a.b-c_d.e","token_type":"Bearer"}'
    found = subprocess.run(["/bin/sh", "-c", extract], input=answer, capture_output=True, check=True, timeout=20)
    assert found.stdout.strip() == b"a.b-c_d.e"
