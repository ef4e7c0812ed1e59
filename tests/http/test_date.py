from __future__ import annotations

from itertools import chain, repeat

from ostiary.http.date import DateField


def test_the_date_of_the_second() -> None:
    moments = chain([784111777.0, 784111777.9, 784111778.0], repeat(0.0))
    date = DateField(lambda: next(moments))
    lines = [date() for _ in range(4)]
    assert lines[0] is lines[1]
    assert lines == [
        b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        b"Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n",
        b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
    ]
