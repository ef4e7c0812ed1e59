"""`${NAME}`, `${NAME:-default}` and `$$` in the scalars of a configuration.

References are filled in after parsing, one scalar at a time, and the result is always a string: whatever a variable
holds, it cannot become a key, a list or a reference of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_REFERENCE: Final = re.compile(
    r"\$(?:(?P<escape>\$)|\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^{}]*))?\}|(?P<bad>\{))", re.ASCII
)
CHARACTERS: Final = 1024 * 1024
"""Most characters that all references of one configuration may bring in."""


class Environment:
    """Fills in references, within one budget for the whole configuration."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._left = CHARACTERS

    def fill(self, text: str) -> str:
        """The text with its references replaced.

        Raises `ValueError`, whose message names variables but never their values, when a variable is not set, is not
        UTF-8, or the budget is spent, and for `${` that begins no reference.
        """
        return _REFERENCE.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        if match["escape"]:
            return "$"
        if match["bad"]:
            raise ValueError("has a reference that is not ${NAME} or ${NAME:-default}; for a literal $ write $$")
        name, default = match["name"], match["default"]
        value = self._variables.get(name, "")
        # As in a shell, `:-` also stands in for a variable that is empty.
        if not value and default is not None:
            value = default
        elif name not in self._variables:
            raise ValueError(f"needs the environment variable {name}, which is not set")
        if not value.isprintable() and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError(f"needs the environment variable {name}, which is not UTF-8")
        self._left -= len(value)
        if self._left < 0:
            raise ValueError(f"brings in more than {CHARACTERS} characters of environment variables")
        return value
