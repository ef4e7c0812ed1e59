"""The Autobahn cases, through the gateway and without it: the gateway makes no difference.

Left out are the cases for limits and speed (9) and for compression in bulk (12, 13), which test the endpoints alone and
take minutes: ``OSTIARY_AUTOBAHN=all`` runs them, too.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import kosoku
import pytest

from tests.support.documents import document
from tests.support.serving import serving
from tests.support.websocket import echo_service

if TYPE_CHECKING:
    from pathlib import Path

ALL: Final = os.environ.get("OSTIARY_AUTOBAHN") == "all"
ROUTE: Final = {"name": "ws", "match": {"path": "/**"}, "upstream": "api", "websocket": True, "anonymous": True}


async def verdicts(port: int | str) -> dict[str, tuple[str, str]]:
    """Return what became of each case: of its messages, and of its close.

    OK and NON-STRICT are one verdict here. Where a good message stands before a fault, the second says only that its
    echo was still under way when the fault was read: which of them it is depends on whether both came in one segment,
    and differs from run to run without the gateway, too.
    """
    try:
        results = await kosoku.run_fuzzingclient(
            f"ws://127.0.0.1:{port}", exclude_cases=[] if ALL else ["9.*", "12.*", "13.*"]
        )
    except kosoku.FailureError as error:
        results = error.results
    return {
        result.case_id: (result.behavior.value.replace("NON-STRICT", "OK"), result.behavior_close.value)
        for result in results
    }


@pytest.mark.timeout(3600 if ALL else 180)
async def test_the_gateway_makes_no_difference(tmp_path: Path) -> None:
    async with echo_service() as url:
        without = await verdicts(url.rpartition(":")[2])
        with serving(document(url, routes=[ROUTE]), tmp_path) as gateway:
            through = await verdicts(gateway.port)
    assert len(without) >= 240
    assert through == without
    bad = {case for case, (behaviour, _) in through.items() if behaviour not in {"OK", "INFORMATIONAL"}}
    assert bad <= {"7.1.5"}  # the echo service's own: it answers an unfinished message's close with 1002
