from __future__ import annotations

import gc

from ostiary.serve.settle import settle


def test_what_lives_is_out_of_the_collector_s_sight() -> None:
    thresholds = gc.get_threshold()
    try:
        settle()
        assert gc.get_freeze_count() > 1000
        assert gc.get_threshold()[0] > thresholds[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
