"""What fuzzing begins with, and what a test replays: seeds, finds, and the shared vectors where they are at hand."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT: Final = Path(__file__).parents[1]
SEEDS: Final = _ROOT / "fuzz" / "seeds"
WORDS: Final = _ROOT / "fuzz" / "words.dict"
"""What the fuzzer puts together: coverage does not show it what regular expressions look for."""
FINDS: Final = _ROOT / "tests" / "cases" / "fuzz"
_VECTORS: Final = _ROOT.parent / "shared" / "vectors"
TARGETS: Final = tuple(sorted(path.stem for path in (_ROOT / "fuzz" / "targets").glob("[a-z]*.py")))


class _Case(msgspec.Struct):
    b64: str
    meta: dict[str, object]


class _Cases(msgspec.Struct):
    cases: list[_Case]


def inputs(target: str) -> Iterator[bytes]:
    """Yield every kept input of `target`."""
    for folder in (SEEDS / target, FINDS / target):
        if folder.is_dir():
            yield from (path.read_bytes() for path in sorted(folder.iterdir()))
    match target:
        case "request" | "response":
            yield from _messages(target)
        case "headers":
            yield from (raw.partition(b"\r\n")[2].partition(b"\r\n\r\n")[0] + b"\r\n" for raw in _messages("request"))
        case "chunks":
            yield from (raw.partition(b"\r\n\r\n")[2] for raw in _messages("request") if b"hunked" in raw)
        case "target":
            yield from _targets()
        case _:
            pass


def _messages(kind: str) -> Iterator[bytes]:
    path = _VECTORS / "llhttp" / "cases.json"
    if path.is_file():
        cases = msgspec.json.decode(path.read_bytes(), type=_Cases).cases
        yield from (base64.b64decode(case.b64) for case in cases if case.meta.get("type") == kind)


def _targets() -> Iterator[bytes]:
    path = _VECTORS / "paths" / "cases.json"
    if path.is_file():
        vectors = msgspec.json.decode(path.read_bytes())
        yield from (case["target"].encode() for case in vectors["nginx_uri"])
        yield from (pair[0].encode() for kind in ("normalise", "merge_slashes") for pair in vectors["envoy_path"][kind])
        yield from (path.encode() for path in vectors["envoy_path"]["reject"])
