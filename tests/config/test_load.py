from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.load import load
from ostiary.config.model import Config
from ostiary.config.problem import ConfigError
from ostiary.config.schema import json_schema, known_keys
from tests.support.configuration import problems, read, sound, told
from tests.support.tokens import jwks, key

if TYPE_CHECKING:
    from pathlib import Path

RAW = sha256(b"").digest() + b"\xff"
SECRET = "correct-horse-battery-staple-7731"


def test_a_file_becomes_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "ostiary.yaml"
    file.write_text(sound(server="{listen: '${LISTEN}', workers: '${WORKERS}', timeouts: {idle: 1m}}"))
    config = load(file, {"LISTEN": "[::1]:0", "WORKERS": "3"})
    assert (str(config.server.listen), config.server.workers, config.server.timeouts.idle) == ("[::1]:0", 3, 60.0)
    assert config.issuers["main"].keys.discovery


def test_paths_begin_at_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(RAW + b"\n")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/jwks.json").write_bytes(msgspec.json.encode(jwks(key("RS256"))))
    text = sound(
        issuers="""
  a: {issuer: a, audiences: [x], algorithms: [RS256], keys: {file: keys/jwks.json}}
  b: {issuer: b, audiences: [x], algorithms: [HS256], keys: {secret: {file: secret}}}""",
        observe="{access_log: {path: '-'}, security_log: {path: security.log}}",
    )
    config = read(text, folder=tmp_path)
    assert config.issuers["a"].keys.file == str(tmp_path / "keys/jwks.json")
    secret = config.issuers["b"].keys.secret
    assert secret is not None
    assert secret.get_secret_value() == RAW
    assert (config.observe.access_log.path, config.observe.security_log.path) == ("-", str(tmp_path / "security.log"))


@pytest.mark.parametrize("name", ["absent.yaml", ".", "\0", "a" * 300])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / name, {})


def test_everything_that_is_wrong_is_said_at_once() -> None:
    text = """\
sever: {}
server: {listen: 0.0.0.0:8080, workers: 0, timeouts: {header: 10}}
issuers:
  a: {issuer: https://a, audiences: [], algorithms: [none], keys: {jwks_ur: https://a}}
  b: {issuer: https://b, audiences: [x], algorithms: [HS256, RS256], keys: {discovery: true, discovery: true}}
upstreams:
  orders: {targets: ["http://127.0.0.1:1"]}
routes:
  - {name: one, match: {path: /a, methods: [get]}, upstream: oders, limit: "${LIMIT}"}
  - {name: two, match: {path: /b}, upstream: orders, anonymous: yes}
  - {name: two, match: {path: "/b/"}, upstream: orders}
  - {}
"""
    lines = text.splitlines()
    found = [(lines[problem.line - 1][problem.column - 1 :], problem.path) for problem in problems(text)]
    expected = [
        ("sever:", "sever"),
        ("listen:", "server.listen"),
        ("workers:", "server.workers"),
        ("header:", "server.timeouts.header"),
        ("audiences:", "issuers.a.audiences"),
        ("none]", "issuers.a.algorithms[0]"),
        ("jwks_ur:", "issuers.a.keys.jwks_ur"),
        ("algorithms:", "issuers.b.algorithms"),
        ("discovery: true}}", "issuers.b.keys.discovery"),
        ("get]", "routes[0].match.methods[0]"),
        ("upstream: oders", "routes[0].upstream"),
        ("${LIMIT}", "routes[0].limit"),
        ("anonymous:", "routes[1].anonymous"),
        ("name: two", "routes[2].name"),
        ("match:", "routes[2].match"),
        ("{}", "routes[3].name"),
        ("{}", "routes[3].match"),
        ("{}", "routes[3].upstream"),
    ]
    assert [path for _, path in found] == [path for _, path in expected]
    for (place, path), (start, _) in zip(found, expected, strict=True):
        assert place.lstrip('"').startswith(start), path
    assert [problem.line for problem in problems(text)] == [1, 2, 2, 2, 4, 4, 4, 5, 5, 9, 9, 9, 10, 11, 11, 12, 12, 12]


@pytest.mark.parametrize(
    "text,path,message",
    [
        ("[]", "", "is not a mapping"),
        ("just a string", "", "is not a mapping"),
        (sound(routes=""), "routes", "has no value"),
        (sound(routes="[]"), "routes", "is empty"),
        (sound(upstreams="{}"), "upstreams", "is empty"),
        (sound(routes="[{name: a, match: {path: /}, upstream: api, issuers: }]"), "routes[0].issuers", "has no value"),
        (sound(server="{drain: null}"), "server.drain", "has no value"),
        (sound(server="[]"), "server", "is not a mapping"),
        (sound(tiers="{names: free}"), "tiers.names", "is not a list"),
        (sound(tiers="{names: [1]}"), "tiers.names[0]", "is not a string"),
        (sound(issuers="{'a b': 1}"), 'issuers."a b"', "is not a name"),
        (sound(token_cache="{entries: -1}"), "token_cache.entries", "is less than 0"),
        (sound(server="{timeouts: {idle: 0s}}"), "server.timeouts.idle", "is not more than 0 seconds"),
        (sound(observe="{access_log: {mode: loud}}"), "observe.access_log.mode", "is not one of its possible values"),
    ],
)
def test_one_fault_makes_one_problem(text: str, path: str, message: str) -> None:
    assert told(text).get(path) == message
    assert len(problems(text)) == 1


def test_null_leaves_out_an_identity_header_and_nothing_else() -> None:
    assert read(sound(identity_headers="{session_id: null}")).identity_headers.session_id is None


def test_a_failed_reference_makes_no_further_problems() -> None:
    text = sound(server="{listen: '${NONE}'}", routes="[{name: a, match: {path: '${NONE}'}, upstream: '${NONE}'}]")
    assert set(told(text)) == {"server.listen", "routes[0].match.path", "routes[0].upstream"}
    assert {problem.message for problem in problems(text)} == {"needs the environment variable NONE, which is not set"}


def test_a_misspelt_key_is_shown_the_right_one() -> None:
    (problem,) = problems(sound(server="{timeouts: {idel: 1s}}"))
    assert problem.hint == "did you mean idle?"


def _leaves(schema: dict[str, object], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = known_keys(path)
    return [leaf for key in below for leaf in _leaves(schema, (*path, key))] if below else [path]


def _nested(path: tuple[str, ...], value: object) -> object:
    for step in reversed(path):
        value = {step: value}
    return value


@pytest.mark.parametrize("path", _leaves(json_schema()), ids=".".join)
def test_no_value_is_ever_repeated(path: tuple[str, ...]) -> None:
    """Whatever key a secret is put at by mistake, no problem shows it, nor does the exception or what caused it."""
    for value in (SECRET, [SECRET], {"x": SECRET}, {SECRET[:0] + "file": SECRET}, f"${{S}}{SECRET}"):
        document = msgspec.json.encode(_nested(path, value))
        with pytest.raises(ConfigError) as caught:
            read(document, {"S": SECRET})
        error: BaseException | None = caught.value
        while error is not None:
            assert SECRET not in f"{error} {error!r}"
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_a_configuration_never_shows_its_secrets() -> None:
    text = sound(
        issuers="{a: {issuer: a, audiences: [x], algorithms: [HS256], keys: {secret: '${S}'}}}",
        store="{url: 'valkey://user:${S}@localhost'}",
    )
    secret = os.urandom(32).hex()
    config = read(text, {"S": secret})
    assert secret not in f"{config} {config!r} {config.model_dump()} {config.model_dump_json()}"


def sound_or_refused(data: bytes) -> bool:
    try:
        return isinstance(read(data), Config)
    except ConfigError as error:
        return bool(error.problems)


@given(st.binary())
def test_any_bytes_are_a_configuration_or_refused(data: bytes) -> None:
    assert sound_or_refused(data)


KEYS = sorted({key for path in _leaves(json_schema()) for key in path} | {"a", "file", "keys"})
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["5m", "1KiB", "1/s", "/**", "a"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(KEYS), below, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(list(Config.model_fields)), VALUES))
def test_any_document_is_a_configuration_or_refused(document: dict[str, object]) -> None:
    assert sound_or_refused(msgspec.json.encode(document))


SOUND = msgspec.yaml.decode(sound(tiers="{}", limits="{l: {tiers: {free: {rate: 1/s, burst: 2}}}}", admin="{}"))


def _paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(below for step, inner in steps for below in _paths(inner, (*path, step)))]


@given(st.sampled_from(_paths(SOUND)[1:]), VALUES)
def test_one_value_replaced_by_anything_is_a_configuration_or_refused(
    path: tuple[str | int, ...], value: object
) -> None:
    """Deeper than random documents reach: all is sound but one value."""
    document = msgspec.yaml.decode(msgspec.yaml.encode(SOUND))
    here = document
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = value
    assert sound_or_refused(msgspec.json.encode(document))
