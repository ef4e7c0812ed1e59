"""What fuzzing began with and what it found, replayed against the same laws, without the fuzzer."""

from __future__ import annotations

import importlib

import pytest

from fuzz import corpus


@pytest.mark.parametrize("name", corpus.TARGETS)
def test_every_kept_input_holds(name: str) -> None:
    check = importlib.import_module(f"fuzz.targets.{name}").check
    inputs = list(corpus.inputs(name))
    assert inputs
    for data in inputs:
        check(data)
