from __future__ import annotations

import pytest

from ostiary.demo.echo import Echo
from ostiary.demo.step import Answer, Expected, read_answer, surprises

SEEN = Echo("GET", "/", {"X-User-Id": "bob", "Host": "x"}, 0)
LET_IN = Answer(200, {"ratelimit": "r"}, "", "", SEEN)
REFUSED = Answer(401, {"www-authenticate": "Bearer"}, "missing_token", "Send one.", None)


@pytest.mark.parametrize(
    "expected, answer",
    [
        (Expected(200, fields=("ratelimit",), seen={"x-user-id": "bob"}, unseen=("authorization",)), LET_IN),
        (Expected(401, "missing_token", ("www-authenticate",)), REFUSED),
    ],
)
def test_what_was_expected_is_no_surprise(expected: Expected, answer: Answer) -> None:
    assert surprises(expected, answer) == []


@pytest.mark.parametrize(
    "expected, answer, words",
    [
        (Expected(200), REFUSED, ["expected 200, not 401 missing_token", "the upstream was not asked"]),
        (Expected(401, "x"), LET_IN, ["expected 401 x, not 200", "the upstream was asked"]),
        (Expected(401, "token_expired"), REFUSED, ["expected 401 token_expired, not 401 missing_token"]),
        (Expected(401, "missing_token", ("retry-after",)), REFUSED, ["the answer has no retry-after"]),
        (Expected(200, seen={"x-user-id": "eve"}), LET_IN, ["the upstream saw x-user-id: bob where eve was expected"]),
        (Expected(200, seen={"x-a": "b"}), LET_IN, ["the upstream saw x-a: None where b was expected"]),
        (Expected(200, unseen=("x-user-id",)), LET_IN, ["the upstream saw x-user-id: bob"]),
    ],
)
def test_each_difference_is_put_in_words(expected: Expected, answer: Answer, words: list[str]) -> None:
    assert surprises(expected, answer) == words


def test_an_echo_and_a_problem_are_told_apart() -> None:
    body = b'{"method":"GET","path":"/","headers":{"X-User-Id":"bob","Host":"x"},"body_bytes":0}'
    assert read_answer(200, {"RateLimit": "r"}, body) == Answer(200, {"ratelimit": "r"}, "", "", SEEN)
    problem = read_answer(401, {"Content-Type": "application/problem+json"}, b'{"error":"e","title":"T","status":401}')
    assert (problem.error, problem.message, problem.echo) == ("e", "T", None)


@pytest.mark.parametrize("kind", ["application/problem+json", "text/html"])
def test_a_strange_body_is_said_to_be_one(kind: str) -> None:
    answer = read_answer(502, {"Content-Type": kind}, b"<html>")
    assert (answer.error, answer.echo) == ("", None)
    assert answer.message
