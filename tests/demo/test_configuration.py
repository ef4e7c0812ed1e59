from __future__ import annotations

from typing import TYPE_CHECKING

from ostiary.config.load import load
from ostiary.demo.configuration import REPORTS_BURST, Addresses, render

if TYPE_CHECKING:
    from pathlib import Path

AT = Addresses("http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:4")


def test_it_is_a_configuration_with_the_addresses_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "ostiary.yaml"
    path.write_text(render(AT, "https://orders.example", 3))
    config = load(path, {})
    assert (str(config.server.listen), config.server.workers) == ("127.0.0.1:1", 3)
    assert str(config.admin.listen) == "127.0.0.1:2"
    assert config.issuers["demo"].issuer == "http://127.0.0.1:3"
    assert config.issuers["demo"].audiences == ("https://orders.example",)
    assert config.upstreams["echo"].targets == ("http://127.0.0.1:4",)
    assert config.limits["costly"].tiers["free"].burst == REPORTS_BURST
