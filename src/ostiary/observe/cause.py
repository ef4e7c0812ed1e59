"""Why a server cannot be reached or talked to: from exceptions to words for the operator who has to mend it."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from typing import Final

_NUMBER: Final = re.compile(r"\[Errno (\d+)\]")
_HOST_CHARACTERS: Final = 253
_CLOSED: Final = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError, EOFError)


def cause(error: BaseException, host: str = "", port: int = 0) -> str:
    """Say in words what became of a connection to `host` and `port`, which is left out if it is empty.

    Of what was received, nothing is repeated.
    """
    host = host[:_HOST_CHARACTERS]
    name = f" {host}" if host else ""
    to = f" to {f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}" if host else ""
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return f"the host name{name} cannot be resolved now: no name server answers"
        return f"the host name{name} does not resolve"
    if isinstance(error, ssl.SSLCertVerificationError):
        # OpenSSL's own sentence; of names, it repeats the one that was asked for.
        return f"the certificate of{name or ' the server'} is not trusted: {_lowered(error.verify_message)}"
    if isinstance(error, ssl.SSLError):
        return f"the TLS handshake{' with' + name if name else ''} failed: {_reason(error)}"
    if isinstance(error, TimeoutError):
        return f"the connection{to} timed out"
    if isinstance(error, _CLOSED):
        return f"the connection{to} was closed by the other side"
    return f"the connection{to} {_system(error)}"


def _system(error: BaseException) -> str:
    number = _errno(error)
    if number == errno.ECONNREFUSED:
        return "was refused"
    return f"failed: {_lowered(os.strerror(number))}" if number is not None else "failed"


def _errno(error: BaseException) -> int | None:
    """The number of an error of the system; of several, for as many addresses, which asyncio strings together, one."""
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return number
    found = _NUMBER.search(str(error)) if isinstance(error, OSError) else None
    return int(found[1]) if found else None


def _reason(error: ssl.SSLError) -> str:
    reason = error.reason or ""
    if reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
        return "the server does not speak TLS"
    return reason.replace("_", " ").lower() or "it was cut off"


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")
