from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ostiary.jose.fetch import Fetcher, LoadError
from ostiary.jose.loaders import DiscoveryLoader, FileLoader, UrlLoader
from tests.support.key_server import key_server, reply

if TYPE_CHECKING:
    from pathlib import Path

_WELL_KNOWN = "/.well-known/openid-configuration"


async def test_keys_at_a_url() -> None:
    async with key_server() as server:
        server.answers["/jwks"] = reply({"keys": []})
        assert await UrlLoader(Fetcher(100), server.url()).load() == b'{"keys":[]}'


@pytest.mark.parametrize("path", ["", "/", "/tenant"])
async def test_keys_found_by_discovery(path: str) -> None:
    async with key_server() as server:
        issuer = server.url(path)
        well_known = path.removesuffix("/") + _WELL_KNOWN
        server.answers[well_known] = reply({"issuer": issuer, "jwks_uri": server.url("/keys")})
        server.answers["/keys"] = reply(b"keys")
        assert await DiscoveryLoader(Fetcher(1000), issuer).load() == b"keys"
        assert server.seen == [well_known, "/keys"]


@pytest.mark.parametrize(
    "document, why",
    [
        (b"<html>", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'{"issuer":"ISSUER","issuer":"ISSUER"}', "not a JSON object"),
        (b"{}", "another issuer"),
        (b'{"issuer":"ISSUER/"}', "another issuer"),
        (b'{"issuer":"https://other.example"}', "another issuer"),
        (b'{"issuer":"ISSUER"}', "no jwks_uri"),
        (b'{"issuer":"ISSUER","jwks_uri":["ISSUER/keys"]}', "no jwks_uri"),
        (b'{"issuer":"ISSUER","jwks_uri":"http://example.com/keys"}', "plain HTTP"),
        (b'{"issuer":"ISSUER","jwks_uri":"file:///etc/passwd"}', "no http"),
        (b'{"issuer":"ISSUER","jwks_uri":"ISSUER/missing"}', "status 404"),
        (b'{"issuer":"ISSUER","x":"' + b"x" * 1000 + b'"}', "longer"),
    ],
)
async def test_a_discovery_document_must_be_right(document: bytes, why: str) -> None:
    async with key_server() as server:
        issuer = server.url("")
        server.answers[_WELL_KNOWN] = reply(document.replace(b"ISSUER", issuer.encode()))
        with pytest.raises(LoadError, match=why):
            await DiscoveryLoader(Fetcher(1000), issuer).load()


async def test_discovery_never_leads_from_https_to_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def get(_self: Fetcher, url: str) -> bytes:
        asked.append(url)
        return b'{"issuer":"https://i.example","jwks_uri":"http://127.0.0.1:8/keys"}'

    monkeypatch.setattr(Fetcher, "get", get)
    with pytest.raises(LoadError, match="plain HTTP"):
        await DiscoveryLoader(Fetcher(1000), "https://i.example").load()
    assert asked == ["https://i.example/.well-known/openid-configuration"]


async def test_keys_in_a_file_are_read_anew_every_time(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    file = tmp_path / "jwks.json"
    loader = FileLoader(file, 10)
    with pytest.raises(LoadError, match=rf"^the file cannot be read: No such file or directory: {file}$"):
        await loader.load()
    for text in (b"one", b"two"):
        file.write_bytes(text)
        assert await loader.load() == text
    file.write_bytes(b"x" * 11)
    with pytest.raises(LoadError, match=rf"^the file is larger than 10 bytes: {file}$"):
        await loader.load()
    with pytest.raises(LoadError, match=rf"^the file cannot be read: Is a directory: {tmp_path}/keys$"):
        await FileLoader(tmp_path / "keys", 10).load()
