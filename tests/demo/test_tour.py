from __future__ import annotations

from typing import TYPE_CHECKING

import jwt
import pytest

from ostiary.demo import echo
from ostiary.demo.configuration import Addresses
from ostiary.demo.identity_provider import IdentityProvider
from ostiary.demo.loopback import HOST, bind, port_of, serving
from ostiary.demo.signing import SigningKey
from ostiary.demo.tour import Tokens, steps, tampered, tour, unsigned

if TYPE_CHECKING:
    from ostiary.demo.step import Answer, Step

TOKEN = SigningKey.generate("ES256").sign({"sub": "kiosk", "scope": "orders:read"})
STEPS = steps(Tokens(TOKEN, TOKEN, TOKEN, TOKEN))


def test_a_tampered_token_differs_in_its_scope_alone() -> None:
    forged = tampered(TOKEN)
    claims = jwt.decode(forged, options={"verify_signature": False})
    assert claims == {"sub": "kiosk", "scope": "orders:read orders:write"}
    assert (forged.split(".")[0], forged.split(".")[2]) == (TOKEN.split(".")[0], TOKEN.split(".")[2])


def test_an_unsigned_token_has_no_signature() -> None:
    forged = unsigned(TOKEN)
    assert forged.endswith(".")
    assert jwt.get_unverified_header(forged) == {"alg": "none"}


def test_tokens_are_not_shown() -> None:
    assert TOKEN not in repr(Tokens(TOKEN, TOKEN, TOKEN, TOKEN))


@pytest.mark.parametrize(
    "code", ["missing_token", "token_expired", "invalid_claims", "invalid_token", "insufficient_scope", "rate_limited"]
)
def test_the_tour_shows_every_kind_of_refusal(code: str) -> None:
    assert code in {step.expected.code for step in STEPS}


async def test_a_gateway_that_lets_everything_through_surprises_every_step_that_protects() -> None:
    provider, gateway = bind(0), bind(0)
    at = Addresses(f"http://{HOST}:{port_of(gateway)}", "", f"http://{HOST}:{port_of(provider)}", "")
    told: list[tuple[Step, Answer, list[str]]] = []
    async with (
        serving(IdentityProvider(at.provider).application(), provider),
        serving(echo.application(), gateway),
    ):
        surprised = await tour(at, lambda _number, step, answer, found: told.append((step, answer, found)))
    assert surprised == [True] * (len(STEPS) + 1)
    assert [step.title for step, _, _ in told] == [*(step.title for step in STEPS), "New keys"]


async def test_a_gateway_that_is_gone_is_a_surprise_and_no_traceback() -> None:
    provider = bind(0)
    with bind(0) as nobody:
        at = Addresses(f"http://{HOST}:{port_of(nobody)}", "", f"http://{HOST}:{port_of(provider)}", "")
        told: list[str] = []
        async with serving(IdentityProvider(at.provider).application(), provider):
            surprised = await tour(at, lambda _number, _step, answer, _found: told.append(answer.message))
    assert all(surprised)
    assert set(told) == {"no answer: ClientConnectorError"}
