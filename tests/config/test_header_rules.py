from __future__ import annotations

import pytest

from tests.support.configuration import problems, read, sound


@pytest.mark.parametrize(
    "text",
    [
        "{user_id: X-Authenticated-User-Id, user_roles: x-user-role, token_scopes: x-scope}",
        "{user_id: null, session_id: null}",
        "{also_strip: [X-Internal, Cookie]}",
        "{request_id: X-Trace-Id, correlation_id: null}",
        "{request_id: x-correlation-id, correlation_id: X-Request-Id}",
    ],
)
def test_sound(text: str) -> None:
    read(sound(identity_headers=text))


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "authorization",
        "Connection",
        "Content-Length",
        "Transfer-Encoding",
        "Cookie",
        "TE",
        "Keep-Alive",
        "Proxy-Authorization",
        "X-Forwarded-For",
        "Forwarded",
        "X-Request-Id",
        "Sec-WebSocket-Key",
        "If-Match",
        "Via",
    ],
)
def test_a_header_that_has_another_meaning_is_refused(name: str) -> None:
    (problem,) = problems(sound(identity_headers=f"{{user_id: {name}}}"))
    assert (problem.path, problem.message) == ("identity_headers.user_id", "names a header that has another meaning")


def test_one_header_carries_one_thing() -> None:
    (problem,) = problems(sound(identity_headers="{user_id: X-Who, org_id: x-who}"))
    assert (problem.path, problem.message) == ("identity_headers.org_id", "names the same header as user_id")


@pytest.mark.parametrize("text", ["{request_id: X-Correlation-Id}", "{request_id: X-User-Id}"])
def test_ids_have_headers_of_their_own(text: str) -> None:
    (problem,) = problems(sound(identity_headers=text))
    assert "names the same header as" in problem.message


@pytest.mark.parametrize("name", ["Host", "traceparent", "X-Forwarded-Id"])
def test_an_id_takes_no_header_of_another_meaning(name: str) -> None:
    (problem,) = problems(sound(identity_headers=f"{{request_id: {name}}}"))
    assert (problem.path, problem.message) == ("identity_headers.request_id", "names a header that has another meaning")


def test_a_default_name_can_clash_too() -> None:
    (problem,) = problems(sound(identity_headers="{org_id: x-user-id}"))
    assert problem.path == "identity_headers.org_id"


@pytest.mark.parametrize("name", ["Host", "content-length", "Authorization"])
def test_what_requests_need_cannot_be_stripped(name: str) -> None:
    (problem,) = problems(sound(identity_headers=f"{{also_strip: [X-A, {name}]}}"))
    assert problem.path == "identity_headers.also_strip[1]"


@pytest.mark.parametrize("name", ["X_User", "X User", "'X-User:'", "Ünder", "'X-A\\r\\nB'"])
def test_a_name_that_servers_read_differently_is_refused(name: str) -> None:
    (problem,) = problems(sound(identity_headers=f"{{user_id: {name}}}"))
    assert problem.message == "is not a header name"
