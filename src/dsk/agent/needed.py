"""Is everything that a recipe names there on this node?"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dsk.text import Text

ABSENT = Text("{path} does not exist", "{path} 不存在")
UNREADABLE = Text("{path} cannot be read: {why}", "{path} 无法读取：{why}")
UNDEFINED = Text(
    "'{name}' is not in {path} (it has {some})", "{path} 中没有 '{name}'（其中有 {some}）"
)
WITHOUT_FILE = Text(
    "'{name}' needs {path}, which does not exist", "'{name}' 需要 {path}，而它不存在"
)


def missing(needed: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One sentence for each thing that is not there, as Text.from_raw reads it; the arguments are
    wire `Needed` as JSON."""
    problems: list[Text] = []
    for need in needed:
        path = Path(need["path"])
        if need["names"]:
            problems += _missing_datasets(path, need["names"])
        elif problem := _problem(path, ABSENT):
            problems.append(problem)
    return [asdict(problem) for problem in problems]


def _problem(path: Path, absent: Text) -> Text | None:
    """Workers that are not root may not see everything that is there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return absent.filled(path=str(path))
    except OSError as error:
        return UNREADABLE.filled(path=str(path), why=error.strerror)
    if not os.access(path, os.R_OK):
        return UNREADABLE.filled(path=str(path), why=os.strerror(errno.EACCES))
    return None


def _missing_datasets(folder: Path, names: Sequence[str]) -> list[Text]:
    listing = folder / "dataset_info.json"
    try:
        known = json.loads(listing.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [ABSENT.filled(path=str(listing))]
    except (OSError, ValueError) as error:
        return [UNREADABLE.filled(path=str(listing), why=str(error))]
    problems = []
    for name in names:
        if name not in known:
            undefined = UNDEFINED.filled(name=name, path=str(listing), some=_some(known))
            problems.append(undefined)
        elif file := known[name].get("file_name"):
            absent = WITHOUT_FILE.filled(name=name)
            problems += filter(None, [_problem(folder / file, absent)])
    return problems


def _some(names: Sequence[str], limit: int = 8) -> str:
    shown = ", ".join(list(names)[:limit])
    return f"{shown}, …" if len(names) > limit else shown or "no entries"
