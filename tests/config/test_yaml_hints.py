from __future__ import annotations

import pytest

from tests.support.configuration import problems

GENERAL = "is this line indented like its neighbours, and is every bracket and quotation mark closed?"


@pytest.mark.parametrize(
    "text,line,hint",
    [
        ("a:\n\tb: 1\n", 2, "indent with spaces: there is a tab"),
        ("a:\n  b: 1\n\tc: 2\n", 3, "indent with spaces: there is a tab"),
        ("a:\n  b: 1\n c: 2\n", 3, GENERAL),
        ("a: 1\n  b: 2\n", 2, GENERAL),
        ("a:\n  - b: 1\n    c: 2\n   d: 3\n", 4, GENERAL),
        ("a: [1\n", 2, GENERAL),
        ('a: "x\nb: 1\n', 3, GENERAL),
        ("a: ${Y}\nb: [${X}]\n", 2, "within [] and {} what holds ${NAME} must be quoted"),
        ("a: {b: ${X:-y}}\n", 1, "within [] and {} what holds ${NAME} must be quoted"),
        ("a: ${Y}\n  b: 1\n", 2, GENERAL),
        ("a: b: c\n", 1, "quote a value that holds a colon and a space"),
        ("- a: b: c\n", 1, "quote a value that holds a colon and a space"),
        ("hosts:\n  - *.example.com\n", 2, "quote a value that begins with one of *&@`%!|>"),
        ("a: `x`\n", 1, "quote a value that begins with one of *&@`%!|>"),
    ],
)
def test_the_likeliest_mistake_is_told(text: str, line: int, hint: str) -> None:
    (problem,) = problems(text, {"X": "1", "Y": "1"})
    assert problem.message.startswith("is not YAML: ")
    assert (problem.line, problem.hint) == (line, hint)
