from __future__ import annotations

import pytest

from ostiary.doors.hidden import HIDDEN, hide_fields, hide_parameters


@pytest.mark.parametrize(
    "name", [b"Cookie", b"X-Api-Key", b"apikey", b"X-Auth-Token", b"X-Amz-Signature", b"DPoP-JWT", b"x-session-id"]
)
def test_fields_that_may_be_secret(name: bytes) -> None:
    lines = b"Accept: */*\r\n%b: a=1; b:2\r\nUser-Agent: curl: a token\r\n" % name
    assert hide_fields(lines) == b"Accept: */*\r\n%b: %b\r\nUser-Agent: curl: a token\r\n" % (name, HIDDEN)


@pytest.mark.parametrize(
    "target,shown",
    [
        (b"/a?access_token=x.y.z&page=2", b"/a?access_token=***&page=2"),
        (b"/a?page=2&API_KEY=x=y", b"/a?page=2&API_KEY=***"),
        (b"/a?sig=x&code=y&zipcode=1&design=2", b"/a?sig=***&code=***&zipcode=1&design=2"),
        (b"/a?access%5Ftoken=x&%74oken=y&a=/b?c=1?token=2?z", b"/a?access%5Ftoken=***&%74oken=***&a=/b?c=1?token=***"),
        (b"/token=1/b?c", b"/token=1/b?c"),
        (b"/a?token", b"/a?token"),
    ],
)
def test_parameters_that_may_be_secret(target: bytes, shown: bytes) -> None:
    assert hide_parameters(target) == shown
