from __future__ import annotations

import pytest

from ostiary.config.problem import ConfigError, Finding, Path, Problem, dotted, key, printable, reached


@pytest.mark.parametrize(
    "path,text",
    [
        ((), ""),
        (("routes", 2, "match", "path"), "routes[2].match.path"),
        ((0, "a"), "[0].a"),
        (("issuers", "a.b"), 'issuers."a.b"'),
    ],
)
def test_paths_as_people_write_them(path: tuple[str | int, ...], text: str) -> None:
    assert dotted(path) == text


@pytest.mark.parametrize(
    "path,found,value",
    [
        ((), (), {"a": [1, {"b": 2}]}),
        (("a", 1, "b"), ("a", 1, "b"), 2),
        (("a", 1, "c"), ("a", 1), {"b": 2}),
        (("a", 2), ("a",), [1, {"b": 2}]),
        (("a", "[key]"), ("a",), [1, {"b": 2}]),
        (("a", 0, 0), ("a", 0), 1),
    ],
)
def test_a_path_leads_as_far_as_there_is_something(path: Path, found: Path, value: object) -> None:
    assert reached({"a": [1, {"b": 2}]}, path) == (found, value)


def test_keys_cannot_act_on_a_terminal() -> None:
    assert key("\x1b[2J\n") == '"\\x1b[2J\\n"'
    assert key("x" * 65) == f'"{"x" * 64}…"'
    assert printable("é \u202e\udcff\r") == "é \\u202e\\udcff\\r"


def test_a_problem_says_where_what_and_how_to_mend_it() -> None:
    problem = Problem(file="a.yaml", line=3, column=5, path="routes[0]", message="is odd", hint="make it even")
    assert str(problem) == "a.yaml:3:5: routes[0]: is odd (make it even)"
    assert str(Problem(file="a.yaml", line=0, column=0, path="", message="cannot be read")) == "a.yaml: cannot be read"


def test_problems_come_in_the_order_of_the_file() -> None:
    problems = [Problem(file="a", line=line, column=1, path="", message="m") for line in (3, 1, 2)]
    assert [problem.line for problem in ConfigError(problems).problems] == [1, 2, 3]


def test_a_finding_moves_with_all_that_it_rests_on() -> None:
    finding = Finding(("a",), "m", rests_on=(("b",), ("c",)))
    moved = finding.moved(lambda path: ("x", *path))
    assert (moved.path, moved.rests_on) == (("x", "a"), (("x", "b"), ("x", "c")))
