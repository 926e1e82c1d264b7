"""What a recipe takes from a model hub, and what the program that downloads it says.

The supervisor starts `python -m dsk.hub` in the master's worker, writes a Fetch as the first line
of its input and gets one JSON object a line. When the input ends, so does the download.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from dsk.wire.tagged import Tagged

HubName = Literal["huggingface", "modelscope"]


@dataclass(frozen=True)
class HubNeeds:
    """`repos`: each repository and the folder that it goes to, "" for the hub's own cache.

    `cache_dir` and `token` as train.yaml has them, else None: the environment's count. `online`:
    why the ranks have to reach the hub all the same, in words. `remote_code`: the recipe trusts
    code from the hub, which a model may take from another repository (`auto_map`). `datasets` are
    the names that dataset_info.json in `dataset_dir` describes: one may come from a hub. `master`
    is the address of the node that downloads.
    """

    master: str
    hub: HubName
    repos: Mapping[str, str]
    revision: str
    cache_dir: str | None
    token: str | None
    dataset_dir: str
    datasets: tuple[str, ...] = ()
    online: tuple[str, ...] = ()
    remote_code: bool = False

    @classmethod
    def from_raw(cls, raw: dict[str, Any]) -> HubNeeds:
        datasets, online = tuple(raw.pop("datasets")), tuple(raw.pop("online"))
        return cls(datasets=datasets, online=online, **raw)


@dataclass(frozen=True)
class Fetch:
    """One repository to download; see HubNeeds. `code_only`: its Python files and nothing else.
    `look_only`: nothing is downloaded; Ready says how many bytes would be."""

    hub: HubName
    repo: str
    revision: str
    folder: str
    cache_dir: str | None
    token: str | None
    remote_code: bool = False
    code_only: bool = False
    look_only: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Downloading:
    """`done` of `total` bytes are there; told only when it has become more."""

    done: int
    total: int


@dataclass(frozen=True)
class Ready:
    """`paths` are all that the ranks will read, absolute; `downloaded` bytes came from the hub just
    now. `note`: why what was there had to do."""

    paths: tuple[str, ...]
    downloaded: int
    note: str = ""


@dataclass(frozen=True)
class Refused:
    """`code` is dsk's exit code for it."""

    message: str
    code: int
    fix: str


Word = Downloading | Ready | Refused
_LINES = Tagged("word", "a word of the download", Downloading, Ready, Refused)


def encode(word: Word) -> str:
    return _LINES.encode(word)


def decode(line: str) -> Word:
    """Raises ValueError where the line is something else, such as a library's own output."""
    word: Word = _LINES.decode(line)
    return word
