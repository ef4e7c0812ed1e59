"""How the path of a file is shown: so that the file can be found, and no secret that was written in its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

HIDDEN: Final = "…"

_PLAIN: Final = re.compile(r"[\w.,+= -]{1,64}", re.ASCII)
_RANDOM: Final = re.compile(r"(?=[A-Za-z]*[0-9])[A-Za-z0-9]{20}", re.ASCII)
"""What keys look like, in hexadecimal or base64; the names that people give have digits in shorter pieces."""
_PHRASE: Final = 24
"""Beyond so many characters, a file's name without an extension is taken for a passphrase."""


def shown_path(path: str | Path) -> str:
    """The absolute path, the parts of which that may be no names but secrets are left out. One printable line."""
    *folders, name = str(Path(path).absolute()).split("/")
    phrase = len(name) > _PHRASE and "." not in name
    return "/".join([*map(_part, folders), HIDDEN if phrase else _part(name)])


def _part(name: str) -> str:
    return name if not name or (_PLAIN.fullmatch(name) and not _RANDOM.search(name)) else HIDDEN
