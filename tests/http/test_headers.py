"""Header names: each has its kind in any case, and a look-alike of a name that matters is never passed on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.config.model import IdentityHeaders
from ostiary.http.headers import HeaderPolicy, Kind, fold

RENAMED = IdentityHeaders(
    user_id="X-Authenticated-Person", tenant_id=None, request_id="X-Trace-Id", also_strip=("X-Internal-Trace",)
)
POLICY = HeaderPolicy(RENAMED)
IDS = {"X-Request-Id", "X-Correlation-Id"}
CONFIGURED = [
    *(str(value) for key, value in RENAMED if key != "also_strip" and value is not None and value not in IDS),
    *(str(value) for key, value in IdentityHeaders() if key != "also_strip" and value is not None and value not in IDS),
    *RENAMED.also_strip,
]
KNOWN = {
    "Host": Kind.HOST,
    "Authorization": Kind.AUTHORIZATION,
    "Content-Length": Kind.CONTENT_LENGTH,
    "Transfer-Encoding": Kind.TRANSFER_ENCODING,
    "Connection": Kind.CONNECTION,
    "Expect": Kind.EXPECT,
    "Upgrade": Kind.UPGRADE,
    "Forwarded": Kind.FORWARDED,
    "X-Forwarded-For": Kind.FORWARDED_FOR,
    "X-Forwarded-Proto": Kind.FORWARDED_PROTO,
    "X-Real-IP": Kind.REAL_IP,
    "X-Request-Id": Kind.REQUEST_ID,
    "X-Correlation-Id": Kind.CORRELATION_ID,
    "Keep-Alive": Kind.HOP,
    "Proxy-Connection": Kind.HOP,
    "TE": Kind.HOP,
    "Trailer": Kind.HOP,
    "HTTP2-Settings": Kind.HOP,
}


def spellings(name: str) -> st.SearchStrategy[bytes]:
    """Every way to write `name` that some server takes for it: any case, and any punctuation for its hyphens."""
    choices = [
        st.sampled_from([character.lower(), character.upper()]) if character.isalnum() else st.sampled_from("-_.~!+|'")
        for character in name
    ]
    return st.tuples(*choices).map(lambda characters: "".join(characters).encode())


@given(st.sampled_from(CONFIGURED).flatmap(spellings))
def test_identity_headers_are_stripped_in_any_spelling(name: bytes) -> None:
    assert POLICY.kind(name) is Kind.STRIP


@given(st.sampled_from(sorted(KNOWN)).flatmap(lambda known: st.tuples(st.just(known), spellings(known))))
def test_only_the_name_itself_has_its_kind(case: tuple[str, bytes]) -> None:
    known, spelling = case
    itself = spelling.lower() == known.lower().encode()
    assert POLICY.kind(spelling) is (KNOWN[known] if itself else Kind.STRIP)


@pytest.mark.parametrize(
    "name",
    ["X-HTTP-Method-Override", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Host", "X-Forwarded-Prefix", "Proxy",
     "X-Forwarded-User", "X-Forwarded-Client-Cert", "Remote-User", "X-Auth-Request-Email", "True-Client-IP", "X-Role",
     "X-Authenticated-User-Anything", "X_Forwarded_Whatever", "X-Host", "X_Original_Host", "X-HTTP-Host-Override",
     "X-Amzn-Oidc-Identity",
     "X-Goog-Authenticated-User-Email", "Cf-Access-Authenticated-User-Email", "X-MS-Client-Principal-Name"],
)  # fmt: skip
def test_what_would_override_the_decision_is_stripped(name: str) -> None:
    assert POLICY.kind(name.encode()) is Kind.STRIP


FAMILIES = [
    "Remote-User", "Remote-Groups", "Remote-Email", "X-Remote-User", "X-Remote-Group", "X-Remote-Extra-Scopes",
    "X-WebAuth-Role", "X-Authentik-Username", "X-Pomerium-Jwt-Assertion", "X-Vouch-User", "X-Vouch-Idp-Claims-Groups",
    "Impersonate-User", "Impersonate-Group", "Impersonate-Extra-A", "X-Goog-Iap-Jwt-Assertion",
    "X-Amzn-Mtls-Clientcert",
    "X-MS-Token-Aad-Id-Token", "X-Credential-Identifier", "X-Userinfo",
    "WL-Proxy-Client-IP", "Proxy-Client-IP", "X-Forward-For", "Forwarded-For", "X-Forwarded",
]  # fmt: skip
ASKED_FAMILIES = [
    "X-Auth-User", "X-Auth-Username", "X-Auth-Roles", "X_Auth_Token", "X-Original-Path", "X-Original-Host",
    "X-Envoy-Original-Path", "X-Envoy-External-Address",
    "X-Envoy-Internal", "X-Envoy-Upstream-Alt-Stat-Name", "X-ARR-ClientCert", "X-ARR-SSL", "X-Sendfile-Type",
    "X-Accel-Mapping", "X-Accel-Redirect", "X-Accel-Buffering", "X-WAWS-Unencoded-URL", "X-Middleware-Subrequest",
    "X-Middleware-Subrequest-Id", "X-Scheme",
]  # fmt: skip


@given(st.sampled_from([*FAMILIES, *ASKED_FAMILIES]).flatmap(lambda name: st.tuples(st.just(name), spellings(name))))
def test_of_a_family_every_member_is_stripped(case: tuple[str, bytes]) -> None:
    name, spelling = case
    assert POLICY.kind(name.encode()) is Kind.STRIP
    assert POLICY.kind(spelling) is Kind.STRIP or spelling.lower() == b"x-auth-token"


@pytest.mark.parametrize("name", FAMILIES)
def test_a_service_speaks_for_nobody_either(name: str) -> None:
    assert POLICY.answer_kind(name.encode()) is Kind.STRIP


@pytest.mark.parametrize(
    "name", ["X-Accel-Buffering", "X-Accel-Redirect", "X-Sendfile", "X-Envoy-Upstream-Service-Time", "X-Auth-Token"]
)
def test_what_a_service_tells_a_proxy_in_front_is_passed(name: str) -> None:
    assert POLICY.answer_kind(name.encode()) is Kind.PASS


@pytest.mark.parametrize("name", [*KNOWN, *CONFIGURED, "X_Forwarded_For", "X-HTTP-Method", "Accept", "X-Anything"])
def test_every_other_name_is_the_same_in_both_directions(name: str) -> None:
    assert POLICY.kind(name.encode()) is POLICY.answer_kind(name.encode())


@pytest.mark.parametrize(
    "name",
    ["Accept", "Cookie", "Content-Type", "X-Api-Version", "api_key", "X-Users", "Via", "X-Auth-Token", "X-Authorship",
     "X-Originality", "X-Envoys", "X-Amzn-Trace-Id", "Remote"],
)  # fmt: skip
def test_everything_else_is_passed(name: str) -> None:
    assert POLICY.kind(name.encode()) is Kind.PASS
    assert not POLICY.kind(name.encode()), "and costs the parser's callback one test for truth"


def test_a_header_left_out_is_stripped_all_the_same() -> None:
    assert POLICY.kind(b"X-Tenant-Id") is Kind.STRIP


@given(st.binary(max_size=300))
def test_any_name_has_a_kind(name: bytes) -> None:
    assert POLICY.kind(name) is HeaderPolicy(RENAMED).kind(name)
    assert fold(fold(name)) == fold(name)


def test_memory_is_bounded() -> None:
    policy = HeaderPolicy(IdentityHeaders())
    for number in range(5000):
        assert policy.kind(b"X-Made-Up-%d" % number) is Kind.PASS
    memo = policy.kind.__self__  # type: ignore[attr-defined]  # a bound method of the memo
    assert len(memo) <= 1024
    policy.kind(b"x" * 10_000)
    assert max(map(len, memo)) <= 64
