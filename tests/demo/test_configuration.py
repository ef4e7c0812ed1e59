from __future__ import annotations

import yaml

from ostiary.demo.configuration import REPORTS_BURST, Addresses, render

AT = Addresses("http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:4")


def test_the_addresses_and_the_audience_are_filled_in() -> None:
    config = yaml.safe_load(render(AT, "https://orders.example", 3))
    assert config["server"]["listen"] == "127.0.0.1:1"
    assert config["server"]["workers"] == 3
    assert config["admin"]["listen"] == "127.0.0.1:2"
    assert config["issuers"]["demo"]["issuer"] == "http://127.0.0.1:3"
    assert config["issuers"]["demo"]["audiences"] == ["https://orders.example"]
    assert config["upstreams"]["echo"]["targets"] == ["http://127.0.0.1:4"]
    assert config["limits"]["costly"]["tiers"]["free"]["burst"] == REPORTS_BURST
