"""Which segments are too much alike to be judged by different rules, and what it costs to tell."""

from __future__ import annotations

import sys
import timeit
from unicodedata import normalize
from urllib.parse import quote, unquote

import pytest

from ostiary.config.model import Match
from ostiary.http.target import BadTarget, canonical
from ostiary.routes.fold import LONGEST_SPELLING, fold, seen
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
        ("admin", ["adm\u00adin", "\u200badmin\ufeff", "ADM\u2060IN", "admin\ufe0f", "a\U000e0061dmin"]),
        ("admin", ["\u200d" * 1000 + "admin"]),
        ("naïve", ["na\u00adïve", "nai\u034f\u0308ve"]),
        ("\u0645\u06cc\u200c\u062e\u0648", ["\u0645\u06cc\u062e\u0648"]),
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
            folded = {fold(seen(quote("é" + each))) for each in alike}
            assert len(folded) == 1, hex(code)
        assert len(seen(quote(decomposed))) <= LONGEST_SPELLING * len(fold(seen(quote(one)))), hex(code)


IGNORABLE = [
    *(0xAD, 0x34F, 0x61C, *range(0x115F, 0x1161), *range(0x17B4, 0x17B6), *range(0x180B, 0x1810), 0x3164, 0xFEFF),
    *(0xFFA0, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFE00, 0xFE10)),
    *(*range(0xFFF0, 0xFFF9), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000)),
]


def test_what_nobody_sees_is_left_out_and_nothing_else() -> None:
    unseen = [
        code
        for code in range(0x80, sys.maxunicode + 1)
        if not 0xD800 <= code < 0xE000 and seen("".join(f"%{octet:02X}" for octet in chr(code).encode())) == ""
    ]
    assert unseen == sorted(IGNORABLE)


@pytest.mark.parametrize("character", ["\u0345\u0323\u0301\u0338", "\ufdfa", "\U0001d15e", "É", "\u200d"])
def test_cost_is_bounded(character: str) -> None:
    segment = quote(character * 4096)[: 16 * 1024 // 36 * 36]
    routes = RouteTable((Match(path=path), path) for path in ("/**", "/kiosk/{x}", "/{x}/café"))
    assert routes.match("h", "GET", "/" + segment) == "/**"
    path = f"/{segment}/{segment}"
    matched = min(timeit.repeat(lambda: routes.match("h", "GET", path), number=1, repeat=20))
    decoded = min(timeit.repeat(lambda: unquote(path), number=1, repeat=20))
    assert matched < decoded / 2  # folding takes longer, and of many marks a thousand times as long
