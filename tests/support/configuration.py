"""Reading configurations from text, as from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ostiary.config.load import parse
from ostiary.config.problem import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ostiary.config.model import Config
    from ostiary.config.problem import Problem

SECTIONS: Final = {
    "issuers": """
  main: {issuer: "https://login.example.com", audiences: [api], algorithms: [RS256], keys: {discovery: true}}""",
    "upstreams": """
  api: {targets: ["http://127.0.0.1:3000"]}""",
    "routes": """
  - {name: api, match: {path: /**}, upstream: api}""",
}


def sound(**sections: str) -> str:
    """Return a configuration without a fault, but with these sections added, or in place of its own."""
    return "".join(f"{name}: {text}\n" for name, text in {**SECTIONS, **sections}.items())


def read(text: str | bytes, environ: Mapping[str, str] | None = None, folder: Path = Path()) -> Config:
    """Return the configuration that the text makes. Raises `ConfigError`."""
    return parse(text if isinstance(text, bytes) else text.encode(), "ostiary.yaml", folder, environ or {})


def problems(text: str | bytes, environ: Mapping[str, str] | None = None, folder: Path = Path()) -> tuple[Problem, ...]:
    """Return what is wrong with the text."""
    try:
        read(text, environ, folder)
    except ConfigError as error:
        return error.problems
    return ()


def told(text: str | bytes, environ: Mapping[str, str] | None = None, folder: Path = Path()) -> dict[str, str]:
    """Return what is wrong, by path."""
    return {problem.path: problem.message for problem in problems(text, environ, folder)}
