"""Fixtures for the tests of the proxy door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.wire import Wire, wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Wire]:
    """A gateway that lets everything through to a recording upstream."""
    async with wire(tmp_path) as running:
        yield running
