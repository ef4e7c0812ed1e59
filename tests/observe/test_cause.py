from __future__ import annotations

import errno
import socket
import ssl

import pytest

from ostiary.observe.cause import cause


def _certificate(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = message
    return error


def _handshake(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, f"[SSL: {reason}]")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    "error, words",
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "the host name h does not resolve"),
        (
            socket.gaierror(socket.EAI_AGAIN, "Temporary failure"),
            "the host name h cannot be resolved now: no name server answers",
        ),
        (_certificate("self-signed certificate"), "the certificate of h is not trusted: self-signed certificate"),
        (_handshake("WRONG_VERSION_NUMBER"), "the TLS handshake with h failed: the server does not speak TLS"),
        (_handshake("NO_SHARED_CIPHER"), "the TLS handshake with h failed: no shared cipher"),
        (_handshake(""), "the TLS handshake with h failed: it was cut off"),
        (TimeoutError(), "the connection to h:1 timed out"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "the connection to h:1 was closed by the other side"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "the connection to h:1 was refused"),
        (
            OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 1), [Errno 111] Connect call failed"),
            "the connection to h:1 was refused",
        ),
        (OSError(errno.ENETUNREACH, "x"), "the connection to h:1 failed: network is unreachable"),
        (OSError("secret"), "the connection to h:1 failed"),
        (ValueError("[Errno 111] secret"), "the connection to h:1 failed"),
    ],
)
def test_words(error: Exception, words: str) -> None:
    assert cause(error, "h", 1) == words


@pytest.mark.parametrize(
    "error, words",
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "the host name does not resolve"),
        (
            _certificate("Certificate has expired."),
            "the certificate of the server is not trusted: certificate has expired",
        ),
        (_handshake("X"), "the TLS handshake failed: x"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "the connection was refused"),
    ],
)
def test_without_a_host(error: Exception, words: str) -> None:
    assert cause(error) == words


def test_an_address_of_version_6_is_in_brackets() -> None:
    assert cause(TimeoutError(), "::1", 1) == "the connection to [::1]:1 timed out"


def test_a_host_is_bounded() -> None:
    assert len(cause(TimeoutError(), "h" * 10_000)) < 300
