"""Is everything that a recipe names there on this node?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def missing(needed: Sequence[dict[str, Any]]) -> list[str]:
    """One sentence for each thing that is not there; the arguments are wire `Needed` as JSON."""
    problems: list[str] = []
    for need in needed:
        path = Path(need["path"])
        if need["kind"] == "datasets":
            problems += _missing_datasets(need["key"], path, need["names"])
        elif not path.exists():
            problems.append(f"{need['key']}: {path} does not exist")
    return problems


def _missing_datasets(key: str, folder: Path, names: Sequence[str]) -> list[str]:
    listing = folder / "dataset_info.json"
    try:
        known = json.loads(listing.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [f"{key}: {listing} does not exist"]
    except (OSError, ValueError) as error:
        return [f"{key}: {listing} cannot be read: {error}"]
    problems = []
    for name in names:
        if name not in known:
            problems.append(f"{key}: {name!r} is not in {listing} (it has {_some(known)})")
        elif (file := known[name].get("file_name")) and not (folder / file).exists():
            problems.append(f"{key}: {name!r} needs {folder / file}, which does not exist")
    return problems


def _some(names: Sequence[str], limit: int = 8) -> str:
    shown = ", ".join(list(names)[:limit])
    return f"{shown}, …" if len(names) > limit else shown or "no entries"
