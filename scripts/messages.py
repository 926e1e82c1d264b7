"""Bring the catalogue of Chinese messages up to date with the code. Usage: make messages

A new message is added to dsk.po without Chinese, and named here; one that is not used any more is
removed. The order is that of the source files.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from build_messages import FOLDER, build

ROOT = Path(__file__).parents[1]
PO = ROOT / FOLDER / "dsk.po"
DATA = {
    "src/dsk/diagnose/catalogue/*.yaml": ("cause", "fix", "not_proved"),
    "stacks/*/known-wrong.yaml": ("problem", "fix"),
    "stacks/*/refusals.yaml": ("says", "fix"),
}
"""Files of messages: lists or mappings of entries, and the keys of an entry that are messages."""

HEADER = """\
# The Chinese of dsk's messages. `make messages` adds and removes messages (CONTRIBUTING.md).
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: zh_CN\\n"
"""


def used() -> dict[str, list[str]]:
    """Every message, and the files that have it."""
    found: dict[str, list[str]] = {}
    for file in sorted((ROOT / "src/dsk").rglob("*.py")):
        for message in _in_code(file.read_text(encoding="utf-8")):
            found.setdefault(message, []).append(str(file.relative_to(ROOT)))
    for pattern, keys in DATA.items():
        for file in sorted(ROOT.glob(pattern)):
            for message in _in_data(file.read_text(encoding="utf-8"), keys):
                found.setdefault(message, []).append(str(file.relative_to(ROOT)))
    return {message: list(dict.fromkeys(files)) for message, files in found.items()}


def _in_code(source: str) -> Iterator[str]:
    """The literals that `Text` is called with; fields alone are the same in every language."""
    calls = [
        node
        for node in (ast.walk(ast.parse(source)) if "Text(" in source else ())
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Text" and node.args
    ]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        message = getattr(call.args[0], "value", None)
        if isinstance(message, str) and re.sub(r"{\w*}", "", message).strip():
            yield message


def _in_data(text: str, keys: tuple[str, ...]) -> Iterator[str]:
    # libyaml where it is there: ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    entries = yaml.load(text, Loader=loader) or []  # noqa: S506
    for entry in entries.values() if isinstance(entries, dict) else entries:
        yield from (entry[key] for key in keys if key in entry)


def catalogue() -> Catalog:
    """dsk.po as it is."""
    with PO.open("rb") as file:
        return read_po(file, locale="zh_CN")


def update() -> list[str]:
    """Write dsk.po and dsk.mo again. Return the messages that have no Chinese."""
    old, new = catalogue(), Catalog("zh_CN")
    for id_, files in used().items():
        known = old.get(id_)
        message = new.add(id_, known.string if known else "", [(file, 0) for file in files])
        message.flags.clear()
    body = io.BytesIO()
    write_po(body, new, width=0, omit_header=True, include_lineno=False)
    PO.write_text(f"{HEADER}\n{body.getvalue().decode()}", encoding="utf-8")
    build(ROOT)
    return [str(message.id) for message in new if message.id and not message.string]


if __name__ == "__main__":
    for missing in update():
        print(f"no Chinese yet: {missing!r}", file=sys.stderr)
