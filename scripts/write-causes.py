"""Writes docs/reference/causes.md and causes.zh-CN.md from the catalogue of `dsk diagnose`.

Usage: scripts/write-causes.py [--check] [FOLDER]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from string import Formatter

from generated import write_or_check

from dsk.diagnose.catalogue import parse
from dsk.diagnose.entry import Entry, Kind
from dsk.text import Language, Text

SECTIONS: dict[str, dict[Language, str]] = {
    "launch": {"en": "Before the first step", "zh": "第一步之前"},
    "network": {"en": "Network and SSH", "zh": "网络和 SSH"},
    "gpu": {"en": "GPUs, drivers, compiled operators", "zh": "GPU、驱动和编译的算子"},
    "memory": {"en": "Memory", "zh": "内存和显存"},
    "data": {"en": "Models, data sets, templates, folders", "zh": "模型、数据集、模板和目录"},
    "hub": {"en": "Hubs, trackers, proxies", "zh": "模型站点、实验记录服务和代理"},
    "checkpoint": {"en": "Checkpoints", "zh": "检查点"},
    "training": {"en": "Settings and numbers of the training", "zh": "训练设置和数值"},
    "places": {
        "en": "Known by the place of an exception",
        "zh": "由异常发生的位置得知",
    },
    "secondhand": {"en": "What the other ranks say", "zh": "其他 rank 说的话"},
}
"""Each file of the catalogue, in the order of the page."""
KINDS: dict[Kind, dict[Language, str]] = {
    "cause": {"en": "", "zh": ""},
    "finding": {
        "en": "A fact that ends no run by itself; stated where nothing else is known.",
        "zh": "这个事实本身不会使运行结束；没有其他线索时才给出。",
    },
    "circumstance": {
        "en": "Makes some runs fail and others not; shown in addition, never as the cause.",
        "zh": "有时使运行失败，有时不会；只作补充，从不作为原因。",
    },
    "second-hand": {
        "en": "A consequence of another rank's failure; never the cause.",
        "zh": "由另一个 rank 的失败引起；从不作为原因。",
    },
}
WORDS: dict[str, dict[Language, str]] = {
    "fix": {"en": "Fix", "zh": "解决办法"},
    "open": {"en": "Not proved", "zh": "局限"},
    "issues": {"en": "Reports", "zh": "报告"},
}
HEAD: dict[Language, str] = {
    "en": """\
# Causes that dsk diagnose knows

[中文](causes.zh-CN.md)

The catalogue of `dsk diagnose` ([how it is used](../diagnose.md)), {count} entries. Each heading is
the `id` of `dsk diagnose --json`. Words in capitals stand for what the log says at that place. *Not
proved* is what the lines of the log leave open. `make reference` writes this page, and `make lint`
fails while it is out of date.
""",
    "zh": """\
# dsk diagnose 能识别的原因

[English](causes.md)

`dsk diagnose` 的目录（[用法](../guide/diagnose.zh-CN.md)），共 {count} 条。每个标题是
`dsk diagnose --json` 中的 `id`。大写的词代表日志中该处的内容。“局限”是指日志行没有说明的事。
本页由 `make reference` 生成，过期时 `make lint` 会报错。
""",
}
NAMES: dict[Language, str] = {"en": "causes.md", "zh": "causes.zh-CN.md"}


def catalogue() -> dict[str, list[Entry]]:
    """The entries of each file. Raises KeyError for a file that no section names."""
    folder = files("dsk.diagnose") / "catalogue"
    found = {
        file.name.removesuffix(".yaml"): parse(file.read_text(encoding="utf-8"), file.name)
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    }
    if unknown := found.keys() - SECTIONS.keys():
        raise KeyError(f"add a title for {', '.join(sorted(unknown))} to SECTIONS")
    return {name: found[name] for name in SECTIONS}


def plain(text: Text, language: Language) -> str:
    """With the names of its fields in capitals, as Markdown that shows every character."""
    names = [name for _, name, _, _ in Formatter().parse(text.en) if name]
    words = text.filled(**{name: name.upper() for name in names}).in_language(language)
    parts = re.split(r"(`[^`]+`)", " ".join(words.split()))
    return "".join(
        part if part.startswith("`") else re.sub(r"([\\*_\[\]<>|#~])", r"\\\1", part)
        for part in parts
    )


def section(entry: Entry, language: Language) -> Iterator[str]:
    yield f"### `{entry.id}`\n"
    yield f"{plain(entry.cause, language)}\n"
    if KINDS[entry.kind][language]:
        yield f"*{KINDS[entry.kind][language]}*\n"
    colon = "：" if language == "zh" else ": "
    yield f"- **{WORDS['fix'][language]}**{colon}{plain(entry.fix, language)}"
    yield f"- **{WORDS['open'][language]}**{colon}{plain(entry.not_proved, language)}"
    if entry.issues:
        links = ", ".join(f"[{name(issue)}]({issue})" for issue in entry.issues)
        yield f"- **{WORDS['issues'][language]}**{colon}{links}"
    yield ""


def name(issue: str) -> str:
    """OWNER/NAME#NUMBER of an address on a forge; another address as it is."""
    match = re.fullmatch(r"https://github\.com/([^/]+/[^/]+)/(?:issues|pull)/(\d+)", issue)
    return f"{match[1]}#{match[2]}" if match else issue


def page(language: Language) -> str:
    entries = catalogue()
    lines = [HEAD[language].format(count=sum(map(len, entries.values())))]
    for file, found in entries.items():
        lines.append(f"## {SECTIONS[file][language]}\n")
        for entry in found:
            lines += section(entry, language)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check(__doc__, {NAMES[language]: page(language) for language in NAMES}))
