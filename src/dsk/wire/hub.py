"""What a recipe takes from a model hub, and what the program that downloads it says.

The supervisor starts `python -m dsk.hub` in the master's worker, writes a Fetch as the first line
of its input and gets one JSON object a line. When the input ends, so does the download.
"""

from __future__ import annotations

import json
import posixpath
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from dsk.text import Text
from dsk.wire.tagged import Tagged

HubName = Literal["huggingface", "modelscope"]


@dataclass(frozen=True)
class HubNeeds:
    """`repos`: each repository and the folder that it goes to, "" for the hub's own cache.
    `looked`: for each, the paths where the master was asked for a folder of that name and has none.

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
    online: tuple[Text, ...] = ()
    remote_code: bool = False
    looked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def from_raw(cls, raw: dict[str, Any]) -> HubNeeds:
        datasets, online = tuple(raw.pop("datasets")), tuple(map(Text.from_raw, raw.pop("online")))
        looked = {repo: tuple(places) for repo, places in raw.pop("looked").items()}
        return cls(datasets=datasets, online=online, looked=looked, **raw)


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
    note: Text | None = None


@dataclass(frozen=True)
class Refused:
    """`code` is dsk's exit code for it."""

    message: Text
    code: int
    fix: Text | None = None


Word = Downloading | Ready | Refused
_LINES = Tagged("word", "a word of the download", Downloading, Ready, Refused)


def or_a_folder(
    problem: Text, fix: Text | None, looked: tuple[str, ...], workspace: str, *, push: bool
) -> tuple[Text, Text | None]:
    """Add to a hub's failure and its fix that a folder may have been meant: where it was looked for
    (`looked`, the path in the workspace last), and how it gets there. `push`: other nodes take
    part, which may have disks of their own."""
    if not looked:
        return problem, fix
    place = looked[-1]
    message = Text(
        "{problem}; no folder of that name was found on the master either (looked for {places})"
    ).filled(problem=problem, places=", ".join(looked))
    copy = Text("if a folder is meant, copy it to {place} on the master").filled(place=place)
    if push:
        copy = Text("{copy}, then: dsk push {path}").filled(
            copy=copy, path=shlex.quote(posixpath.relpath(place, workspace))
        )
    if not fix:
        return message, copy
    return message, Text("{fix}; {copy}").filled(fix=fix, copy=copy)


def encode(word: Word) -> str:
    return _LINES.encode(word)


def decode(line: str) -> Word:
    """Raises ValueError where the line is something else, such as a library's own output."""
    word: Word = _LINES.decode(line)
    return word
