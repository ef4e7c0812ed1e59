"""Which segments are too much alike to be judged by different rules, and what it costs to tell."""

from __future__ import annotations

import sys
import timeit
from unicodedata import normalize
from urllib.parse import quote

import pytest

from ostiary.config.model import Match
from ostiary.http.target import BadTarget, canonical
from ostiary.routes.fold import LONGEST_SPELLING, fold
from ostiary.routes.table import RouteTable


@pytest.mark.parametrize(
    "literal,others",
    [
        ("café", ["CAFÉ", "cafÉ", "cafe\u0301", "CAFE\u0301", "Café"]),
        ("kiosk", ["\u212aiosk", "KIOS\u212a", "\uff4biosk"]),
        ("users", ["u\u017fers", "U\u017fERS", "\uff55\uff53ers"]),
        ("admin", ["adm\u0131n", "ADM\u0130N", "adm\u0130n", "admi\u0307n"]),
        ("straße", ["STRASSE", "STRAẞE"]),
        ("office", ["oﬃce"]),
        ("λόγος", ["ΛΌΓΟΣ", "λόγοσ"]),
        ("\u0390", ["\u1fd3", "\u03aa\u0301", "\u03b9\u0308\u0301"]),
        ("a b", ["A b", "a\u00a0b"]),
        ("a.b", ["A.b", "a\uff0eb"]),
    ],
)
def test_spellings_of_a_literal_belong_to_no_route(literal: str, others: list[str]) -> None:
    for patterns in (["/**", f"/{literal}/**"], ["/**", f"/{literal}", "/{other}/{x}", "/{other}"]):
        routes = RouteTable((Match(path=path), path) for path in patterns)
        for spelling in (literal, *others):
            target = canonical(b"/" + quote(spelling).encode())
            assert not isinstance(target, BadTarget)
            expected = patterns[1] if spelling == literal else None
            assert routes.match("h", "GET", target.path) == expected, spelling


@pytest.mark.parametrize("other", ["cafe", "caf%C3%A8", "cafe%CC%80", "caf%C3%A9s", "%E2%98%95", "100%25"])
def test_other_segments_are_for_other_rules(other: str) -> None:
    routes = RouteTable((Match(path=path), path) for path in ("/**", "/café"))
    assert routes.match("h", "GET", "/" + other) == "/**"


def test_every_character_is_like_itself_however_it_is_written() -> None:
    for code in range(0x80, sys.maxunicode + 1):
        if 0xD800 <= code < 0xE000:
            continue
        one = chr(code)
        decomposed = normalize("NFD", one)
        alike = {one, one.lower(), one.upper(), one.casefold(), decomposed, normalize("NFKD", one)}
        if len(alike) > 1:
            folded = {fold(quote("é" + each)) for each in alike}
            assert len(folded) == 1, hex(code)
        assert len(quote(decomposed)) <= LONGEST_SPELLING * len(fold(quote(one))), hex(code)


@pytest.mark.parametrize("character", ["\u0345\u0323\u0301\u0338", "\ufdfa", "\U0001d15e", "É"])
def test_cost_is_bounded(character: str) -> None:
    segment = quote(character * 4096)[: 16 * 1024 // 36 * 36]
    routes = RouteTable((Match(path=path), path) for path in ("/**", "/kiosk/{x}", "/{x}/café"))
    assert routes.match("h", "GET", "/" + segment) == "/**"
    assert timeit.timeit(lambda: routes.match("h", "GET", f"/{segment}/{segment}"), number=20) / 20 < 0.002
