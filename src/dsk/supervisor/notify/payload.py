"""A message as each service expects it. Pure.

The formats: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot,
https://open.dingtalk.com/document/orgapp/custom-robot-access,
https://developer.work.weixin.qq.com/document/path/91770,
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from dsk.supervisor.notify.plain import clipped
from dsk.wire.notify import Message, Target, TargetKind

LIMIT_BYTES = 6000
"""Of title and text together: below what the other services accept (Feishu 20 KB of JSON)."""
WECOM_BYTES = 2048


def request(target: Target, message: Message, now: float) -> tuple[str, bytes]:
    """The URL and the body of a POST at the time `now`, which a signature contains."""
    make = _BODIES[target.kind]
    url, body = make(target, message, now)
    return url, json.dumps(body, ensure_ascii=False).encode()


def for_programs(message: Message) -> dict[str, Any]:
    """What a plain webhook receives as JSON, and a command on its standard input."""
    return asdict(replace(message, text=clipped(message.text, LIMIT_BYTES)))


def verdict(kind: TargetKind, body: bytes) -> tuple[int, str] | None:
    """The error code and the reason in the answer of a service, None where it has accepted the
    message. Services say so in the body: the HTTP status is 200 in either case."""
    if kind not in _ANSWERS:
        return None
    code, said = _ANSWERS[kind]
    try:
        answer = json.loads(body)
        found = int(answer[code])
    except (ValueError, KeyError, TypeError):
        return -1, body[:200].decode(errors="replace")
    return (found, str(answer.get(said, ""))) if found else None


def is_busy(kind: TargetKind, code: int) -> bool:
    """Whether the service has refused a message because too many were sent."""
    return code in _BUSY.get(kind, ())


Body = tuple[str, Mapping[str, Any]]


def _feishu(target: Target, message: Message, now: float) -> Body:
    """As rich text: in plain text, `<at user_id="all">` in a log's line would call everybody."""
    lines = clipped(message.text, LIMIT_BYTES).splitlines()
    content = [[{"tag": "text", "text": line}] for line in lines]
    post = {"title": message.title, "content": content}
    body = {"msg_type": "post", "content": {"post": {"zh_cn": post}}}
    if not target.secret:
        return target.url, body
    stamp = str(int(now))
    # The string to sign is the key, and the signed text is empty.
    sign = _hmac(f"{stamp}\n{target.secret}", "")
    return target.url, {"timestamp": stamp, "sign": sign, **body}


def _dingtalk(target: Target, message: Message, now: float) -> Body:
    body = {"msgtype": "text", "text": {"content": clipped(_text(message), LIMIT_BYTES)}}
    if not target.secret:
        return target.url, body
    stamp = str(round(now * 1000))
    sign = _hmac(target.secret, f"{stamp}\n{target.secret}")
    parts = urlsplit(target.url)
    query = "&".join(filter(None, (parts.query, urlencode({"timestamp": stamp, "sign": sign}))))
    return urlunsplit(parts._replace(query=query)), body


def _wecom(target: Target, message: Message, now: float) -> Body:  # noqa: ARG001
    # `<@name>` in the text would call somebody.
    text = _text(message).replace("<@", "< @")
    return target.url, {"msgtype": "text", "text": {"content": clipped(text, WECOM_BYTES)}}


def _slack(target: Target, message: Message, now: float) -> Body:  # noqa: ARG001
    """With Slack's three characters escaped: `<!channel>` would call everybody."""
    text = clipped(_text(message), LIMIT_BYTES)
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, escaped)
    return target.url, {"text": text}


def _json(target: Target, message: Message, now: float) -> Body:  # noqa: ARG001
    return target.url, for_programs(message)


_BODIES: Mapping[TargetKind, Callable[[Target, Message, float], Body]] = {
    "feishu": _feishu,
    "dingtalk": _dingtalk,
    "wecom": _wecom,
    "slack": _slack,
    "json": _json,
}
_ANSWERS: Mapping[TargetKind, tuple[str, str]] = {
    "feishu": ("code", "msg"),
    "dingtalk": ("errcode", "errmsg"),
    "wecom": ("errcode", "errmsg"),
}
_BUSY: Mapping[TargetKind, tuple[int, ...]] = {
    "feishu": (11232,),
    "dingtalk": (130101,),
    "wecom": (45009,),
}


def _text(message: Message) -> str:
    return f"{message.title}\n{message.text}"


def _hmac(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()
