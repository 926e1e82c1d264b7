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
        if need["names"]:
            problems += _missing_datasets(path, need["names"])
        elif not path.exists():
            problems.append(f"{path} does not exist")
    return problems


def _missing_datasets(folder: Path, names: Sequence[str]) -> list[str]:
    listing = folder / "dataset_info.json"
    try:
        known = json.loads(listing.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [f"{listing} does not exist"]
    except (OSError, ValueError) as error:
        return [f"{listing} cannot be read: {error}"]
    problems = []
    for name in names:
        if name not in known:
            problems.append(f"{name!r} is not in {listing} (it has {_some(known)})")
        elif (file := known[name].get("file_name")) and not (folder / file).exists():
            problems.append(f"{name!r} needs {folder / file}, which does not exist")
    return problems


def _some(names: Sequence[str], limit: int = 8) -> str:
    shown = ", ".join(list(names)[:limit])
    return f"{shown}, …" if len(names) > limit else shown or "no entries"
