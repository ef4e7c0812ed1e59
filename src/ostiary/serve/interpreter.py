"""Whether this Python was built with profile-guided optimisation: the same code then takes about a fifth less CPU.

Nothing here needs more than Python 3.7, for `scripts/choose_python.py` reads it before there is anything else.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def profile_guided(variables: Mapping[str, object]) -> bool | None:
    """Tell from `variables`, those of `sysconfig.get_config_vars()`; None if they do not say."""
    try:
        arguments = set(shlex.split(str(variables.get("CONFIG_ARGS", ""))))
    except ValueError:
        return None
    if arguments & {"--enable-optimizations", "--enable-optimizations=yes"}:
        return True
    generate, use = variables.get("PGO_PROF_GEN_FLAG"), variables.get("PGO_PROF_USE_FLAG")
    if generate and not use:
        # `configure` sets both or neither; Debian and Ubuntu take the flags of their build out of what they tell.
        return True
    # Other distributions may have called the Makefile's target of that build themselves, which leaves no trace.
    return False if generate and arguments and "--prefix=/usr" not in arguments else None
