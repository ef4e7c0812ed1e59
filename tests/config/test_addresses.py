from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from ostiary.config.addresses import CheckPath, Origin, Target, Url, is_loopback, machine, split


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "192.0.2.7", "::", "10.0.0.1", "localhost.example.com", "127.0.0.1.example.com"])
def test_other_machines(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "host,spelling",
    [("Api.Internal.", "api.internal"), ("localhost.example.com", "localhost.example.com"), ("10.1", "10.0.0.1"),
     ("2001:DB8::0:1", "2001:db8::1"), ("::ffff:192.0.2.7", "192.0.2.7"), ("127.1", "localhost"), ("", "")],
)  # fmt: skip
def test_a_machine_has_one_spelling(host: str, spelling: str) -> None:
    assert machine(host) == spelling


@pytest.mark.parametrize("url", ["https://a.example/jwks?tenant=1", "http://[::1]:80/", "https://a.example"])
def test_urls(url: str) -> None:
    assert TypeAdapter(Url).validate_python(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "a.example",
        "ftp://a.example",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:secret@a.example",
        "https://a.example#fragment",
        "https://a.example/#",
        "https://a.example:99999",
        "https://a.example:0",
        "https://a.example/a b",
        "https://a.example/\r\nX: y",
        "https://a.example\\@evil.example",
        "https://é.example",
        "https://[::1",
    ],
)
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(ValidationError, match="is not a URL"):
        TypeAdapter(Url).validate_python(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:3000", "http://api.internal/", "http://[::1]:80"])
def test_targets(url: str) -> None:
    assert TypeAdapter(Target).validate_python(url) == url


@pytest.mark.parametrize(
    "url", ["http://a/path", "http://a?", "http://a/?q=1", "unix:///a", "a:80", "https://a/x", "http://u@a"]
)
def test_what_is_no_target(url: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Target).validate_python(url)


@pytest.mark.parametrize(
    "url,fault",
    [
        ("htp://a", "scheme"),
        ("a:80", "scheme"),
        ("http://host:99999", "port is above 65535"),
        ("http://host:9999999999", "port is above 65535"),
        ("http://host:0", "port is 0"),
        ("http://host:8o", "port is not a number"),
        ("http://u:secret@host", "user or password"),
        ("http://a/path", "path"),
        ("http://a?q=1", "query"),
        ("http://:80", "no host"),
        ("http://", "no host"),
        ("http://::1:80", "brackets"),
        ("http://a#x", "fragment"),
        ("http://caf\u00e9", "characters"),
    ],
)
def test_what_is_wrong_with_a_target_is_told(url: str, fault: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Target).validate_python(url)
    (error,) = caught.value.errors()
    assert fault in error["msg"].partition(": ")[2]
    assert "secret" not in error["msg"]


@pytest.mark.parametrize("origin", ["https://app.example.com", "http://localhost:3000", "https://[::1]:8443"])
def test_origins(origin: str) -> None:
    assert TypeAdapter(Origin).validate_python(origin) == origin


@pytest.mark.parametrize(
    "origin",
    [
        "*", "null", "app.example.com", "https://app.example.com/", "https://app.example.com/x", "https://App.example.com",
        "HTTPS://app.example.com", "https://app.example.com:443", "http://app.example.com:80", "https://a.example?x",
        "https://*.example.com/", "wss://app.example.com",
    ],
)  # fmt: skip
def test_what_no_browser_sends_as_origin(origin: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Origin).validate_python(origin)


@pytest.mark.parametrize("path", ["/", "/health", "/health?deep=1&x=%20"])
def test_paths_of_health_checks(path: str) -> None:
    assert TypeAdapter(CheckPath).validate_python(path) == path


@pytest.mark.parametrize(
    "path", ["health", "http://a/health", "/a b", "/a\r\nX: y", "/../a", "/a#b", "/é", "/%zz", "//a\\b"]
)
def test_what_is_no_path_of_a_health_check(path: str) -> None:
    with pytest.raises(ValidationError, match="is not the path of a health check"):
        TypeAdapter(CheckPath).validate_python(path)


@given(st.text())
def test_any_text_is_split_or_not(text: str) -> None:
    for candidate in (text, "http://" + text):
        parts: Any = split(candidate)
        assert parts is None or parts.hostname
        if parts is None:
            with pytest.raises(ValidationError):  # whose words are found for any text
                TypeAdapter(Target).validate_python(candidate)
