from __future__ import annotations

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.model import IdentityHeaders
from ostiary.propagate.headers import IdentityHeaderRenderer, field_text
from tests.support.callers import identity

DEFAULTS = IdentityHeaders()
SENSIBLE = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
"""What `read_identity` lets through, but for spaces."""


def fields(names: IdentityHeaders = DEFAULTS, /, **claims: object) -> list[str]:
    rendered = IdentityHeaderRenderer(names).render(identity(**claims))
    assert rendered.endswith(b"\r\n")
    return rendered.decode("ascii").split("\r\n")[:-1]


def test_everything_that_is_known_has_its_field() -> None:
    claims: dict[str, object] = {
        "email": "a@corp.com",
        "roles": ["editor", "reader"],
        "tenant_id": 7,
        "org_id": "o",
        "plan": "gold",
        "scope": "write read",
        "exp": 1_800_000_000.9,
    }
    assert fields(**claims) == [
        "X-User-Id: alice",
        "X-User-Email: a@corp.com",
        "X-User-Roles: editor,reader",
        "X-Tenant-Id: 7",
        "X-Org-Id: o",
        "X-Tenant-Plan: gold",
        "X-Token-Issuer: https://issuer.example",
        "X-Token-Scopes: write read",
        "X-Token-Expires: 1800000000",
    ]


def test_what_is_not_known_has_no_field() -> None:
    assert fields() == ["X-User-Id: alice", "X-Token-Issuer: https://issuer.example"]


def test_names_are_the_configured_ones_and_null_leaves_one_out() -> None:
    names = IdentityHeaders(user_id="X-Authenticated-User-Id", token_issuer=None)
    assert fields(names) == ["X-Authenticated-User-Id: alice"]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_is_printable_ascii_and_comes_back_by_decoding(value: str) -> None:
    text = field_text(value)
    assert text.isascii()
    assert text == "" or text.isprintable()
    assert "," not in text
    assert unquote(text, errors="strict") == value.strip(" ")


def test_readable_text_stays_readable() -> None:
    assert field_text('Ann O\'Neil <a@b>; "x"=1') == 'Ann O\'Neil <a@b>; "x"=1'
    assert field_text("50%, é\r\n") == "50%25%2C %C3%A9%0D%0A"


@given(roles=st.lists(SENSIBLE, unique=True), subject=SENSIBLE)
def test_no_value_begins_another_line_or_element(roles: list[str], subject: str) -> None:
    rendered = fields(roles=roles, sub=subject)
    assert [unquote(line.partition(": ")[2]) for line in rendered if line.startswith("X-User-Id: ")] == [subject]
    told = [line.partition(": ")[2].split(",") for line in rendered if line.startswith("X-User-Roles: ")]
    assert [[unquote(role) for role in each] for each in told] == ([roles] if roles else [])
