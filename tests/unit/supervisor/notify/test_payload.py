"""What each service receives, compared with the examples in its documentation."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dsk.supervisor.notify import payload
from dsk.wire.notify import KINDS, Message, Target, TargetKind

NOW = 1599360473.25
URL = "https://chat.example/robot/send?access_token=abc"
MESSAGE = Message(
    "failed", "20260101-120000-ab12", "lab", NOW, "dsk: job x has failed", "cause: é <&>\nfix: 2",
    node=1, rank=3, cause="é <&>", fix="2",
)  # fmt: skip


def made(kind: TargetKind, message: Message = MESSAGE, secret: str = "") -> tuple[str, Any]:
    url, body = payload.request(Target("t", kind, (), URL, secret), message, NOW)
    return url, json.loads(body)


def shape(value: Any) -> Any:
    """The same keys and types with other texts."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(value[0])] if isinstance(value, list) else type(value)


# As the services' documentation shows them (the addresses are in payload.py), without links.
DOCUMENTED: dict[TargetKind, Any] = {
    "feishu": {
        "msg_type": "post",
        "content": {
            "post": {
                "zh_cn": {
                    "title": "项目更新通知",
                    "content": [[{"tag": "text", "text": "项目有更新: "}]],
                }
            }
        },
    },
    "dingtalk": {"msgtype": "text", "text": {"content": "我就是我, 是不一样的烟火"}},
    "wecom": {"msgtype": "text", "text": {"content": "hello world"}},
    "slack": {"text": "Hello, world."},
}


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_the_documented_format(kind: TargetKind) -> None:
    url, body = made(kind)
    assert url == URL
    assert shape(body) == shape(DOCUMENTED[kind])
    for key in ("msg_type", "msgtype"):
        assert body.get(key) == DOCUMENTED[kind].get(key)


def test_what_feishu_shows() -> None:
    _, body = made("feishu")
    post = body["content"]["post"]["zh_cn"]
    assert post["title"] == MESSAGE.title
    assert [line[0]["text"] for line in post["content"]] == ["cause: é <&>", "fix: 2"]
    assert {line[0]["tag"] for line in post["content"]} == {"text"}


@pytest.mark.parametrize("kind", ["dingtalk", "wecom"])
def test_title_and_text_together(kind: TargetKind) -> None:
    assert made(kind)[1]["text"]["content"] == f"{MESSAGE.title}\n{MESSAGE.text}"


def test_slack_gets_its_three_characters_escaped() -> None:
    """https://docs.slack.dev/messaging/formatting-message-text: otherwise <!channel> calls all."""
    _, body = made("slack", replace(MESSAGE, text="<!channel> & all"))
    assert body["text"].endswith("&lt;!channel&gt; &amp; all")


def test_no_line_of_a_log_calls_anybody_in_wecom() -> None:
    assert "<@" not in made("wecom", replace(MESSAGE, text="<@all> x"))[1]["text"]["content"]


def test_plain_json_has_every_field() -> None:
    _, body = made("json")
    assert body == {
        "event": "failed", "job": "20260101-120000-ab12", "cluster": "lab", "at": NOW,
        "title": MESSAGE.title, "text": MESSAGE.text, "node": 1, "rank": 3, "cause": "é <&>",
        "fix": "2",
    }  # fmt: skip


def openssl_hmac(key: bytes, text: bytes) -> str:
    """By another program."""
    words = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}"]
    done = subprocess.run([*words, "-binary"], input=text, capture_output=True, check=True)
    return base64.b64encode(done.stdout).decode()


def test_feishus_signature() -> None:
    """Seconds; the string to sign is the key of the HMAC over nothing."""
    url, body = made("feishu", secret="a secret")
    assert url == URL
    assert body["timestamp"] == "1599360473"
    assert body["sign"] == openssl_hmac(b"1599360473\na secret", b"")


def test_dingtalks_signature() -> None:
    """Milliseconds; in the URL, after what it has already."""
    url, body = made("dingtalk", secret="SEC secret")
    query = parse_qs(urlsplit(url).query)
    stamp = "1599360473250"
    sign = openssl_hmac(b"SEC secret", f"{stamp}\nSEC secret".encode())
    assert query == {"access_token": ["abc"], "timestamp": [stamp], "sign": [sign]}
    assert url.startswith(URL + "&")
    assert "sign" not in body


@pytest.mark.parametrize(
    ("kind", "limit"), [("wecom", 2048), ("feishu", 20_000), ("slack", 40_000)]
)
def test_a_long_text_is_cut_off_between_characters(kind: TargetKind, limit: int) -> None:
    _, body = made(kind, replace(MESSAGE, text='错"<' * 20_000))
    size = len(body["text"]["content"].encode()) if kind == "wecom" else len(json.dumps(body))
    if kind == "feishu":
        size = len(
            payload.request(Target("t", kind, (), URL), replace(MESSAGE, text='错"' * 20_000), NOW)[
                1
            ]
        )
    assert size <= limit
    assert "…" in json.dumps(body, ensure_ascii=False)
    assert "\ufffd" not in json.dumps(body, ensure_ascii=False)


def test_every_kind_has_a_format() -> None:
    assert {*payload._BODIES, "command"} == set(KINDS)


@pytest.mark.parametrize(
    ("kind", "body", "verdict"),
    [
        ("feishu", b'{"code":0,"msg":"success","data":{}}', None),
        ("feishu", b'{"code":19021,"msg":"sign match fail"}', (19021, "sign match fail")),
        ("dingtalk", b'{"errcode":0,"errmsg":"ok"}', None),
        ("dingtalk", b'{"errcode":310000,"errmsg":"keywords not in content"}',
         (310000, "keywords not in content")),
        ("wecom", b'{"errcode":93000,"errmsg":"invalid webhook url"}',
         (93000, "invalid webhook url")),
        ("wecom", b"<html>a login page of the network</html>",
         (-1, "<html>a login page of the network</html>")),
        ("slack", b"ok", None),
        ("json", b"", None),
    ],
)  # fmt: skip
def test_what_a_service_says_about_it(kind: TargetKind, body: bytes, verdict: Any) -> None:
    """With the HTTP status 200 in each case."""
    assert payload.verdict(kind, body) == verdict
