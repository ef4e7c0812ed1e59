"""One step of the tour as a value, and the judgement whether the gateway did what was expected of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ostiary.demo.echo import Echo

if TYPE_CHECKING:
    from collections.abc import Mapping


class Expected(msgspec.Struct, frozen=True):
    """What must come back. Header names are lower case.

    `code` is the refusal's `error`, or "" when the request is let through. `fields` must be in the answer. The upstream
    must have `seen` these headers with these values, and must not have seen the `unseen` ones at all.
    """

    status: int
    code: str = ""
    fields: tuple[str, ...] = ()
    seen: dict[str, str] = {}
    unseen: tuple[str, ...] = ()


class Step(msgspec.Struct, frozen=True):
    """One request and what it shows. `before` further ones, all let through, are sent ahead of it."""

    title: str
    lesson: str
    path: str
    expected: Expected
    method: str = "GET"
    token: str = ""
    whose: str = ""
    headers: dict[str, str] = {}
    before: int = 0


class Answer(msgspec.Struct, frozen=True):
    """What came back; header names are lower case. `error` is the refusal's code, `echo` what the upstream received."""

    status: int
    headers: dict[str, str]
    error: str
    message: str
    echo: Echo | None


class _Problem(msgspec.Struct):
    error: str = ""
    detail: str = ""
    title: str = ""


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Read a response: an `Echo` from the upstream, or the gateway's problem body (RFC 9457)."""
    error = message = ""
    echo = None
    lowered = {name.lower(): value for name, value in headers.items()}
    try:
        if lowered.get("content-type", "").startswith("application/problem+json"):
            problem = msgspec.json.decode(body, type=_Problem)
            error, message = problem.error, problem.detail or problem.title
        else:
            echo = msgspec.json.decode(body, type=Echo)
    except msgspec.MsgspecError:
        message = "the body is neither the echo's nor a problem"
    return Answer(status, lowered, error, message, echo)


def surprises(expected: Expected, answer: Answer) -> list[str]:
    """Return, in words, each way in which `answer` is not what was `expected`; none is what one hopes for."""
    found = []
    if (answer.status, answer.error) != (expected.status, expected.code):
        found.append(
            f"expected {expected.status} {expected.code}".rstrip() + f", not {answer.status} {answer.error}".rstrip()
        )
    found += [f"the answer has no {name}" for name in expected.fields if name not in answer.headers]
    if expected.code and answer.echo is not None:
        found.append("the upstream was asked")
    if not expected.code and answer.echo is None:
        found.append("the upstream was not asked")
    if answer.echo is not None:
        received = {name.lower(): value for name, value in answer.echo.headers.items()}
        found += [
            f"the upstream saw {name}: {received.get(name)} where {value} was expected"
            for name, value in expected.seen.items()
            if received.get(name) != value
        ]
        found += [f"the upstream saw {name}: {received[name]}" for name in expected.unseen if name in received]
    return found
