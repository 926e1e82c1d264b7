"""Is everything that a recipe names there on this node?"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from dsk.text import Text
from dsk.wire.jobspec import Needed

ABSENT = Text("{path} does not exist")
UNREADABLE = Text("{path} cannot be read: {why}")
FORBIDDEN = Text("uid {uid} may not read {path} (mode {mode}, owner {owner})")
"""Of a worker that is not root. `top` is what a fix has to make readable with all below it."""
UNDEFINED = Text("'{name}' is not in {path} (it has {some})")
WITHOUT_FILE = Text("'{name}' needs {path}, which does not exist")


def missing(needed: Sequence[Needed]) -> tuple[Text, ...]:
    """One sentence for each thing that is not there."""
    problems: list[Text] = []
    for need in needed:
        path = Path(need.path)
        if need.names:
            problems += _missing_datasets(path, need.names)
        elif problem := _problem(path, ABSENT):
            problems.append(problem)
    return tuple(problems)


def _problem(path: Path, absent: Text) -> Text | None:
    """Workers that are not root may not see everything that is there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return absent.filled(path=str(path))
    except PermissionError:
        parent = _closed_parent(path)
        return _forbidden(parent, parent)
    except OSError as error:
        return UNREADABLE.filled(path=str(path), why=error.strerror)
    closed = next(filter(_is_closed, _read_by_a_job(path)), None)
    return _forbidden(closed, path) if closed else None


def _read_by_a_job(path: Path) -> Iterator[Path]:
    """Yield `path` and what is below it, without what a download leaves beside a model, such as
    `.msc` and README.md: nothing reads that."""
    yield path
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in folders)
        for name in names:
            if not name.startswith(".") and Path(name).suffix not in ("", ".md"):
                yield Path(folder, name)


def _is_closed(path: Path) -> bool:
    if not os.access(path, os.F_OK):  # a link that leads nowhere
        return False
    return not os.access(path, os.R_OK | os.X_OK if path.is_dir() else os.R_OK)


def _closed_parent(path: Path) -> Path:
    """Return the highest folder above `path` that may not be entered."""
    above = reversed(path.parents)
    return next((parent for parent in above if not os.access(parent, os.X_OK)), path)


def _forbidden(path: Path, top: Path) -> Text:
    at = path.stat()
    mode = f"{stat.S_IMODE(at.st_mode):04o}"
    owner = f"{at.st_uid}:{at.st_gid}"
    values = {"uid": os.getuid(), "mode": mode, "owner": owner, "top": str(top)}
    return FORBIDDEN.filled(path=str(path), **values)


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


def _some(names: Sequence[str], limit: int = 8) -> str | Text:
    shown = ", ".join(list(names)[:limit])
    return f"{shown}, …" if len(names) > limit else shown or Text("no entries")
