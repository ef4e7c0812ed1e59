from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from ostiary.config.model import Keys
from ostiary.jose.configured import key_source
from ostiary.jose.source import FixedKeys, KeySource
from tests.support.issuers import issuer
from tests.support.key_server import key_server, reply
from tests.support.tokens import jwks, key

if TYPE_CHECKING:
    from pathlib import Path

    from ostiary.jose.source import KeyEvent

_SECRET = "s" * 32


async def _find(source: KeySource) -> list[str | None]:
    try:
        return [one.kid for one in await source.find("ES256", "ES256", 0.0)]
    finally:
        await source.close()


async def test_keys_by_url() -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply(jwks(key("ES256")))
        one = issuer(keys=Keys(jwks_url=server.url()))
        assert await _find(key_source("one", one, clock=lambda: 0.0)) == ["ES256"]


async def test_keys_by_discovery() -> None:
    async with key_server() as server:
        server.answers["/.well-known/openid-configuration"] = reply(
            {"issuer": server.url(""), "jwks_uri": server.url("/k")}
        )
        server.answers["/k"] = reply(jwks(key("ES256")))
        one = issuer(issuer=server.url(""), keys=Keys(discovery=True))
        assert await _find(key_source("one", one, clock=lambda: 0.0)) == ["ES256"]


async def test_keys_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "jwks.json").write_bytes(msgspec.json.encode(jwks(key("ES256"))))
    one = issuer(keys=Keys(file=str(tmp_path / "jwks.json")))
    assert await _find(key_source("one", one, clock=lambda: 0.0)) == ["ES256"]


async def test_keys_inline() -> None:
    events: list[KeyEvent] = []
    document = jwks(key("ES256"), key("HS256"))
    source = key_source("one", issuer(keys=Keys(inline=document)), events.append)
    assert await _find(source) == ["ES256"]
    assert [(event.issuer, event.kind) for event in events] == [("one", "keys_ignored"), ("one", "private_key")]
    assert "entry 1: secret key material" in events[0].detail


async def test_a_shared_secret() -> None:
    one = issuer(algorithms=("HS256",), keys=Keys.model_validate({"secret": _SECRET}))
    source = key_source("one", one)
    assert isinstance(source, FixedKeys)
    assert len(source.known("any", "HS256", 0.0)) == 1
    assert source.known("any", "HS512", 0.0) == ()


@pytest.mark.parametrize(
    "algorithms, keys",
    [
        (("ES256",), Keys(inline={"keys": []})),
        (("ES256",), Keys(inline=jwks(key("HS256")))),
        (("HS256",), Keys(inline=jwks(key("HS256")))),
        (("ES256",), Keys.model_validate({"secret": _SECRET})),
        (("HS256",), Keys.model_validate({"secret": "s" * 31})),
    ],
)
def test_unusable_keys_in_the_configuration_are_an_error_at_once(algorithms: tuple[str, ...], keys: Keys) -> None:
    with pytest.raises(ValueError, match=r"key|secret"):
        key_source("one", issuer(algorithms=algorithms, keys=keys))
