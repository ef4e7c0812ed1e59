from __future__ import annotations

import sysconfig

import pytest

from ostiary.serve.interpreter import profile_guided

FLAGS = {"PGO_PROF_GEN_FLAG": "-fprofile-generate", "PGO_PROF_USE_FLAG": "-fprofile-use -fprofile-correction"}
OWN = "'--prefix=/home/alice/.pyenv/versions/3.11.7' '--enable-shared' 'LDFLAGS=-L/x -Wl,-rpath,/x'"


@pytest.mark.parametrize(
    "variables, guided",
    [
        ({"CONFIG_ARGS": OWN, **FLAGS}, False),  # pyenv, as it builds by itself
        (
            {"CONFIG_ARGS": OWN + " '--enable-optimizations' '--with-lto'", **FLAGS},
            True,
        ),  # pyenv told so, containers, uv
        ({"CONFIG_ARGS": "'--enable-optimizations=yes'", **FLAGS}, True),
        ({"CONFIG_ARGS": "'--prefix=/usr' '--with-dtrace'", **FLAGS, "PGO_PROF_USE_FLAG": ""}, True),  # Debian, Ubuntu
        (
            {"CONFIG_ARGS": "'--prefix=/usr' '--with-lto'", **FLAGS},
            None,
        ),  # a distribution that calls `make profile-opt`
        ({"CONFIG_ARGS": "'--prefix=/usr' '--enable-optimizations'", **FLAGS}, True),  # Fedora, Arch
        ({"CONFIG_ARGS": OWN + " '--disable-optimizations'", **FLAGS}, False),
        ({"CONFIG_ARGS": OWN, "PGO_PROF_GEN_FLAG": "", "PGO_PROF_USE_FLAG": ""}, None),  # a compiler without such flags
        ({"CONFIG_ARGS": "'unbalanced", **FLAGS}, None),
        ({"CONFIG_ARGS": None}, None),
        ({"EXT_SUFFIX": ".cp311-win_amd64.pyd"}, None),
        ({}, None),
    ],
)
def test_builds(variables: dict[str, object], *, guided: bool | None) -> None:
    assert profile_guided(variables) is guided


def test_this_python_has_an_answer() -> None:
    assert profile_guided(sysconfig.get_config_vars()) in {True, False, None}
