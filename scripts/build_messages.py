"""Compile the Chinese messages: dsk.po, which is edited, to dsk.mo, which `gettext` reads.

hatchling runs this for each wheel and editable install, scripts/venv.sh whenever it is called. It
needs no package besides hatchling, so that the image's build needs none (docs/decisions/0029).
"""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "src/dsk/locale/zh_CN/LC_MESSAGES"
STRING = r'"(?:[^"\\]|\\.)*"'
ENTRY = re.compile(rf"^msgid ((?:{STRING}\n)+)msgstr ((?:{STRING}\n)+)", re.MULTILINE)


def read(po: str) -> dict[str, str]:
    """Each message and its translation, as scripts/messages.py writes them: without plural forms
    and contexts. The empty message is the header."""
    return {_joined(entry[1]): _joined(entry[2]) for entry in ENTRY.finditer(f"{po}\n")}


def _joined(lines: str) -> str:
    return "".join(json.loads(line) for line in lines.splitlines())


def compiled(messages: dict[str, str]) -> bytes:
    """The binary form, as the GNU gettext manual describes it ("The Format of GNU MO Files")."""
    known = {message: said for message, said in messages.items() if said}
    ids = [message.encode() for message in sorted(known, key=str.encode)]
    translations = [known[message.decode()].encode() for message in ids]
    table, at = [], 28 + 16 * len(ids)
    for text in [*ids, *translations]:
        table += [len(text), at]
        at += len(text) + 1
    header = [0x950412DE, 0, len(ids), 28, 28 + 8 * len(ids), 0, 0]
    numbers = struct.pack(f"<{len(header) + len(table)}I", *header, *table)
    return numbers + b"".join(text + b"\0" for text in [*ids, *translations])


def build(root: Path) -> None:
    """Write dsk.mo under `root` where it is not that of dsk.po."""
    po, mo = root / FOLDER / "dsk.po", root / FOLDER / "dsk.mo"
    content = compiled(read(po.read_text(encoding="utf-8")))
    if not mo.exists() or mo.read_bytes() != content:
        partial = mo.with_suffix(".mo.partial")
        partial.write_bytes(content)
        partial.replace(mo)


class Messages(BuildHookInterface[Any]):
    """hatchling's hook (`[tool.hatch.build.hooks.custom]` in pyproject.toml)."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        build(Path(self.root))
        build_data["artifacts"].append(f"/{FOLDER}/dsk.mo")


if __name__ == "__main__":
    build(Path(__file__).parents[1])
