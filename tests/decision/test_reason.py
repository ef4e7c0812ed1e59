from __future__ import annotations

import re

from ostiary.decision import reason

CODES = {
    400: {"bad_request", "ambiguous_credentials"},
    401: {
        "missing_token", "invalid_token", "token_expired", "token_not_active", "unknown_signing_key", "invalid_claims",
    },
    403: {"insufficient_scope", "access_denied", "origin_mismatch"},
    404: {"no_route"},
    408: {"request_timeout"},
    413: {"body_too_large"},
    414: {"target_too_long"},
    421: {"misdirected_request"},
    429: {"rate_limited"},
    431: {"headers_too_large"},
    500: {"internal_error"},
    502: {"upstream_error"},
    503: {"upstream_unavailable", "identity_provider_unavailable", "limiter_unavailable", "websockets_full"},
    504: {"upstream_timeout"},
}  # fmt: skip
"""The interface: clients branch on these."""


def test_the_codes_are_the_documented_ones_each_with_its_status() -> None:
    assert {(one.status, one.code) for one in reason.ALL} == {
        (status, code) for status in CODES for code in CODES[status]
    }
    assert len({one.code for one in reason.ALL}) == len(reason.ALL)


def test_every_401_challenges_and_only_a_missing_token_without_an_error() -> None:
    """RFC 9110 section 11.6.1, RFC 6750 section 3.1."""
    for one in reason.ALL:
        assert one.challenge is not None or one.status != 401
        assert (one.challenge == "") == (one is reason.MISSING_TOKEN)
        assert one.challenge in {None, "", "invalid_request", "invalid_token", "insufficient_scope"}


def test_titles_are_sentences_fit_for_a_quoted_string() -> None:
    for one in reason.ALL:
        assert re.fullmatch(r"[A-Z][A-Za-z' ]+\.", one.title), one.title
