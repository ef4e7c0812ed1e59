from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.jose.strict_json import Excessive, parse_object
from tests.support.issuers import SHARED

_SUITE = SHARED / "vectors" / "JSONTestSuite" / "test_parsing"

_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_objects = st.dictionaries(st.text(), _values, max_size=6)


@given(_objects, st.sampled_from([None, 1]), st.sampled_from([True, False]))
def test_every_object_is_read_however_it_is_laid_out(
    value: dict[str, object], indent: int | None, ascii_only: object
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=bool(ascii_only), separators=(" ,", "\t:\r\n"))
    assert parse_object(text.encode()) == value


@given(_objects, _objects, st.text(), st.sampled_from(["", " ", "\n\t"]))
def test_a_duplicate_member_is_refused_at_any_depth(
    outer: dict[str, object], inner: dict[str, object], name: str, space: str
) -> None:
    twice = f"{{{json.dumps(name)}{space}:1,{json.dumps(name, ensure_ascii=False)}:{json.dumps(inner)}}}"
    for text in (twice, f'{{"":[{json.dumps(outer)},[{twice}]]}}'):
        with pytest.raises(ValueError, match="duplicate"):
            parse_object(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":1}',
        b'{"a" :1,"a" :1,"b":":"}',
        b'{"x":":y","a"\n:1,"a"\n:2}',
        b'{"exp":1,"sub":"\\":","exp":2}',
    ],
)
def test_duplicates_are_refused_however_they_hide(text: bytes) -> None:
    with pytest.raises(ValueError, match="duplicate"):
        parse_object(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"1",
        b"null",
        b'"a"',
        b"{",
        b"{}{}",
        b"\xef\xbb\xbf{}",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1e309}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"\\udc00":1}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\x00"}',
        b'{"a":' + b"[" * 2500 + b"]" * 2500 + b"}",
        b'{"a":' * 2500 + b"1" + b"}" * 2500,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_what_can_be_read_two_ways_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # which ValueError is of no interest
        parse_object(text)


@pytest.mark.parametrize(
    "text", [b'{"a":[' + b"{}," * 9 + b"[]]}", b'{"a":"' + b"[{" * 6 + b'"}', b'{"a":' + b"[" * 12 + b"]" * 12 + b"}"]
)
def test_brackets_are_counted_only_where_there_is_a_bound(text: bytes) -> None:
    count = text.count(b"{") + text.count(b"[")
    assert parse_object(text) == parse_object(text, count) == msgspec.json.decode(text)
    with pytest.raises(Excessive, match=f"has more than {count - 1} opening brackets"):
        parse_object(text, count - 1)


@given(st.binary(max_size=64) | st.text(alphabet='{}[]":, \\au01', max_size=40).map(str.encode))
def test_nothing_else_is_ever_raised(text: bytes) -> None:
    try:
        value = parse_object(text)
    except ValueError:
        return
    assert value == msgspec.json.decode(text)


@pytest.mark.skipif(not _SUITE.exists(), reason="the shared vectors are not here")
def test_the_json_test_suite() -> None:
    files = sorted(_SUITE.glob("*.json"))
    assert len(files) > 300
    for file in files:
        document = b'{"v":' + file.read_bytes() + b"}"
        must = "refuse" if file.name.startswith("n_") or "duplicated_key" in file.name else file.name[0]
        if file.name == "n_structure_UTF8_BOM_no_data.json":
            document = file.read_bytes()
        try:
            parse_object(document)
        except ValueError:
            assert must != "y", file.name
        else:
            assert must != "refuse", file.name
