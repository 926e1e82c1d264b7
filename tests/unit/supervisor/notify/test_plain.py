"""Text from elsewhere, before it is sent."""

from __future__ import annotations

import pytest

from dsk.supervisor.notify.plain import clipped, plain, secrets_of, without
from dsk.wire.notify import Target

HOOK = "https://hooks.example/services/T01ABCDEF/B01ABCDEF/x9f8e7d6c5b4a3?key=5f%3D4"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a\x1b[31mred\x1b[0m b", "ared b"),
        ("\x1b]0;title\x07x\x1b]8;;http://x\x1b\\y", "xy"),
        ("a\rb\x00c\x7fd\x9be\tf\ng", "abcde\tf\ng"),
        ("a\r\nb", "a\nb"),
        ("left \u202eright\u2066", "left right"),
        ("\udcff错", "错"),
    ],
)
def test_no_control_characters(text: str, left: str) -> None:
    assert plain(text) == left


def test_cut_between_characters() -> None:
    assert clipped("错误", 6) == "错误"
    assert clipped("错误错", 8) == "错…"


def test_all_that_a_server_may_repeat_of_a_url() -> None:
    secrets = secrets_of(Target("t", "slack", (), HOOK, "signing secret"))
    for said in (
        HOOK, "POST /services/T01ABCDEF/B01ABCDEF/x9f8e7d6c5b4a3", "x9f8e7d6c5b4a3",
        "hooks.example: no such host", "signing secret", "key=5f%3D4",
    ):  # fmt: skip
        shown = without(said, secrets)
        for secret in ("x9f8e", "hooks.example", "signing", "5f"):
            assert secret not in shown, said


def test_ordinary_words_stay() -> None:
    target = Target("t", "wecom", (), "https://q.example/cgi-bin/webhook/send?key=693a91f6-7")
    assert without("invalid webhook url", secrets_of(target)) == "invalid webhook url"
