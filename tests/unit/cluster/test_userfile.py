"""Encodings of files that users write."""

from __future__ import annotations

import pytest

from dsk.cluster.userfile import decode
from dsk.errors import UserError


def test_windows_mark_is_no_text() -> None:
    assert decode(b"\xef\xbb\xbfa slots=4\r\n", "hostfile") == "a slots=4\r\n"


@pytest.mark.parametrize(
    ("raw", "where", "fix"),
    [
        ("a\n# 主机\n".encode("gbk"), "hostfile:2", "iconv -f GBK"),
        ("a\n".encode("utf-16"), "hostfile:1", "iconv -f UTF-16"),
    ],
)
def test_other_encodings_are_told_with_the_line(raw: bytes, where: str, fix: str) -> None:
    with pytest.raises(UserError) as caught:
        decode(raw, "hostfile")
    assert where in str(caught.value) and fix in str(caught.value)
