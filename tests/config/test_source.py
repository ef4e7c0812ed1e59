from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.environment import Environment
from ostiary.config.source import BYTES, DEPTH, NODES, PROBLEMS, Reader

if TYPE_CHECKING:
    from ostiary.config.problem import Problem


def read(data: bytes | str, **environ: str) -> tuple[object, list[Problem]]:
    reader = Reader("f", Environment(environ))
    node = reader.read(data.encode() if isinstance(data, str) else data)
    return node and node.plain(), reader.problems


def problem(data: bytes | str) -> str:
    (found,) = read(data)[1]
    return str(found)


def test_values() -> None:
    value, problems = read(
        "a: [1, '1', 0.5, true, yes, null, ~, ]\nb: {c: |\n  text\n  }\n".replace("|\n  text\n  ", "x")
    )
    assert value == {"a": [1, "1", 0.5, True, "yes", None, None], "b": {"c": "x"}}
    assert problems == []


def test_keys_are_words_whatever_they_look_like() -> None:
    assert read("no: 1\n1: 2\n1.0: 3\ntrue: 4\n~: 5\n")[0] == {"no": 1, "1": 2, "1.0": 3, "true": 4, "~": 5}


def test_aliases_repeat() -> None:
    assert read("a: &x [1]\nb: [*x, *x]\n&k c: *k\n")[0] == {"a": [1], "b": [[1], [1]], "c": "c"}


def test_references_are_filled_in_and_cannot_become_structure() -> None:
    value, _ = read("a: ${X}\nb: '${X}'\nc: \"${X}\"\nd: ${N}\n", X="[1, 2]\ne: 3", N="8080")
    assert value == {"a": "[1, 2]\ne: 3", "b": "[1, 2]\ne: 3", "c": "[1, 2]\ne: 3", "d": "8080"}


BEGIN = "write key: value, beginning with upstreams and routes"
CLOSED = "is this line indented like its neighbours, and is every bracket and quotation mark closed?"


@pytest.mark.parametrize(
    "data,message",
    [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: a: is written twice; the first is on line 1 (remove one of the two)"),
        ("x:\n  - {b: 1, b: 2}", "f:2:12: x[0].b: is written twice; the first is on line 2 (remove one of the two)"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "f:3:3: c: has a merge key, which YAML 1.2 does not (write the keys out)"),
        ("a: 010\n", "f:1:4: a: is a number with a leading zero"),
        (
            "a: !!python/object:os.system x",
            "f:1:4: a: has a tag (tags such as !!str and !include have no meaning here)",
        ),
        ("? [a]\n: 1\n", "f:1:3: has a key that is not a plain word"),
        ("a: 1\n---\nb: 2\n", "f:2:1: is a second document (one file holds one configuration)"),
        ("a: *x\n", "f:1:4: a: is an alias of an anchor that does not come before it"),
        ("a: &x [*x]\n", "f:1:8: a[0]: is an alias of an anchor that does not come before it"),
        ("a: ${X}", "f:1:4: a: needs the environment variable X, which is not set"),
        ("a: [1\n", f"f:2:1: a[1]: is not YAML: did not find expected ',' or ']' ({CLOSED})"),
        (b"a: 1\nb: \xff", "f:2:4: is not UTF-8"),
        (b"a: \x00", "f:1:4: is not YAML: control characters are not allowed"),
        ("", f"f:1:1: is empty ({BEGIN})"),
        ("# nothing\n", f"f:1:1: is empty ({BEGIN})"),
        ("null", f"f:1:1: is empty ({BEGIN})"),
        (b"#" * (BYTES + 1), f"f: is larger than {BYTES} bytes"),
    ],
)
def test_what_readers_disagree_about_is_a_problem(data: bytes | str, message: str) -> None:
    assert problem(data) == message


def test_more_belongs_to_a_mapping_than_is_read() -> None:
    reader = Reader("f", Environment({}))
    reader.read(b"a: &x {b: 1}\nc: {d: {<<: *x}}\na: {e: 2}\nf: [{? [g] : 1}]\n")
    assert reader.incomplete == {("a",), ("c", "d"), ("f", 0)}


def test_what_is_tagged_is_broken_only_if_the_tag_may_change_it() -> None:
    reader = Reader("f", Environment({}))
    reader.read(b"a: !include b\nc: !!map {d: 1}\n")
    assert reader.broken == {("a",)}


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_depth_is_bounded(opening: str) -> None:
    assert f"is nested more than {DEPTH} deep" in problem(opening * 200_000)


def test_depth_is_bounded_through_aliases() -> None:
    lines = ["a0: &a0 []", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 100))]
    assert f"is nested more than {DEPTH} deep" in problem("\n".join(lines))


def test_aliases_cannot_multiply_without_bound() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert f"has more than {NODES} values" in problem("\n".join(lines))


def test_problems_are_bounded() -> None:
    _, problems = read("a: 1\n" * (PROBLEMS + 10))
    assert len(problems) == PROBLEMS


def test_a_path_leads_to_its_place() -> None:
    reader = Reader("f", Environment({}))
    node = reader.read(b"a:\n  - b: 1\n    c: [x, y]\n")
    assert node is not None
    assert node.locate(("a", 0, "c", 1)) == (("a", 0, "c", 1), 3, 12)
    assert node.locate(("a", 0, "c")) == (("a", 0, "c"), 3, 5)
    assert node.locate(("a", 0, "missing")) == (("a", 0), 2, 5)
    assert node.locate(("a", "literal", 7)) == (("a",), 1, 1)
    assert node.locate(()) == ((), 1, 1)


@given(st.binary() | st.text().map(str.encode) | st.text("[]{}:,-?&*!|>'\"%@` \n\t#<a0$~").map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    value, problems = read(data)
    assert problems or value is not None


TREES = st.recursive(
    st.integers(-(2**53), 2**53) | st.booleans() | st.text(st.characters(categories=["L", "N", "Zs"])) | st.none(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text("abc", min_size=1), below, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text("xyz", min_size=1), TREES, min_size=1))
def test_what_is_dumped_is_read_back(tree: dict[str, object]) -> None:
    # Readers of YAML 1.1 and 1.2 agree on quoted strings.
    text = yaml.safe_dump(tree, default_style='"', allow_unicode=True).replace('!!int "', '"').replace('!!bool "', '"')
    if "!!" not in text:
        assert read(text)[0] == _as_strings(tree)


def _as_strings(tree: object) -> object:
    if isinstance(tree, dict):
        return {key: _as_strings(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_as_strings(value) for value in tree]
    return str(tree).lower() if isinstance(tree, bool) else str(tree)
