"""What a job's supervisor sends to people, and where: `notify` in dsk.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from dsk.text import Language, Text
from dsk.wire.reading import read

TargetKind = Literal["feishu", "dingtalk", "wecom", "slack", "json", "command"]
KINDS: tuple[TargetKind, ...] = get_args(TargetKind)
SIGNED: tuple[TargetKind, ...] = ("feishu", "dingtalk")
"""Services that accept a signature made with a secret."""
TEST = "test"
"""The event of the message that `dsk notify --test` sends."""


@dataclass(frozen=True)
class Target:
    """Where messages are sent. `url` and `secret` are credentials: nothing prints them. A target of
    kind "command" has a command, all others a URL."""

    name: str
    kind: TargetKind
    events: tuple[str, ...]
    url: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notify:
    """`hidden`: secrets of the job that no message may contain, whatever a rank prints."""

    targets: tuple[Target, ...] = ()
    language: Language = "en"
    hidden: tuple[str, ...] = field(default=(), repr=False)


NOBODY = Notify()


@dataclass(frozen=True)
class Message:
    """`title` and `text` are for people, in their language. What does not apply is None."""

    event: str
    job: str | None
    cluster: str
    at: float
    title: str
    text: str
    node: int | None = None
    rank: int | None = None
    cause: str | None = None
    fix: str | None = None


@dataclass(frozen=True)
class Delivery:
    """One message to one target, for dsk.supervisor.notify's program. `env` is added to that
    program's own environment: proxies, certificates, what a command needs."""

    target: Target
    message: Message
    env: Mapping[str, str] = field(default_factory=dict, repr=False)

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Delivery:
        """Raises ValueError."""
        return read(cls, json.loads(text))


@dataclass(frozen=True)
class Outcome:
    """`problem` is None where the message was delivered. `again`: another try may succeed."""

    target: str
    problem: Text | None = None
    again: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Outcome:
        """Raises ValueError."""
        try:
            raw: dict[str, Any] = json.loads(text)
            problem = raw["problem"]
            told = None if problem is None else Text.from_raw(problem)
            return cls(str(raw["target"]), told, bool(raw["again"]))
        except (KeyError, TypeError) as error:
            raise ValueError("not the outcome of a delivery") from error
