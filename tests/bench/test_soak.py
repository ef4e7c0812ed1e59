from __future__ import annotations

from bench.soak import Sample, flat


def samples(*resident: int, files: int = 50) -> list[Sample]:
    return [Sample(float(i), size, files, i) for i, size in enumerate(resident)]


def test_growth_while_warming_up_is_flat() -> None:
    assert flat(samples(20_000_000, 60_000_000, 60_100_000, 60_000_000, 60_000_000, 60_200_000, 60_000_000, 60_100_000))


def test_steady_growth_is_not() -> None:
    assert not flat(samples(*(50_000_000 + 1_000_000 * i for i in range(16))))


def test_leaking_descriptors_are_not() -> None:
    assert not flat([Sample(float(i), 50_000_000, 50 + 2 * i, i) for i in range(16)])


def test_too_short_a_run_says_nothing() -> None:
    assert not flat(samples(1, 1, 1))
