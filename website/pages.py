"""The project's Markdown files as pages of the site. Pure: text in, text out.

The files are written for readers of the repository; a page differs in what `as_page` changes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping

CHINESE = ".zh-CN.md"
OUTSIDE = {
    "README.md": "readme.md",
    "README.zh-CN.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "schema/dsk.schema.json": "dsk.schema.json",
    "schema/check.schema.json": "check.schema.json",
    "dsk.example.yaml": "reference/dsk-yaml.md",
}
"""Files outside docs/ (paths in the repository) and what of the site stands for them."""
NO_CHINESE = '!!! note "本页暂无中文，以下为英文原文。"\n\n'

_FENCED = re.compile(r"(?ms)(^```.*?^```$)")
_LANGUAGE_LINK = re.compile(r" ?\[(?:English|中文)\]\([^)\s]+\)")
_COMMENT = re.compile(r"<!-- .*? -->\n?")
_MARK = re.compile(r"<!-- (text|not run|run): (\S.*?) -->")
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]`]|`[^`]*`)*)\]\(([^)\s]+)\)")
_CJK = r"\u3000-\u303f\u4e00-\u9fff\uff00-\uffef"
_JOINED = re.compile(
    rf"(?<=[{_CJK}])\n *(?=[{_CJK}])|(?<=[、。，；：（）“”])\n *(?=[\w`\[*])(?!\d+\. |[-*] )"
)
"""The end of a line inside a Chinese sentence, which browsers show as a space."""
_INDENT = "    "
_YAML = re.compile(r"(dsk|train)\.yaml|a part of the catalogue")
_SHELL = re.compile(
    r"\(|(# |\S+=\S+ )?(dsk|dsk-agent|make|docker|ssh|scp|cd|cp|rm|mkdir|uv|pip|zstd|head|sudo"
    r"|scripts/\S+|tests/\S+\.sh|\.venv/bin/\S+|setsid|export|install|ssh-keygen|bash|cat)\b"
)


def chinese_of(path: str, files: Collection[str]) -> str | None:
    """The file with the Chinese text of an English page: beside it, or in guide/."""
    stem = path.removesuffix(".md")
    candidates = (stem + CHINESE, f"guide/{posixpath.basename(stem)}{CHINESE}")
    return next((each for each in candidates if each in files), None)


def as_page(text: str, source: str, counterparts: Mapping[str, str], *, chinese: bool) -> str:
    """The page of the file `source` (its path below docs/; `../NAME` for one at the top).

    `counterparts`: from each Chinese file to its English one. `chinese`: of the Chinese site.
    """
    text = _LANGUAGE_LINK.sub("", text)
    text = with_languages(text)
    text = _COMMENT.sub("", text)

    def changed(prose: str) -> str:
        if source.endswith(CHINESE):
            prose = _JOINED.sub("", prose)
        return _LINK.sub(lambda link: _link(link, source, counterparts, chinese=chinese), prose)

    parts = _FENCED.split(text)
    return "".join(part if part.startswith("```") else changed(part) for part in parts)


def _link(
    link: re.Match[str], source: str, counterparts: Mapping[str, str], *, chinese: bool
) -> str:
    text, target = link.groups()
    if re.match(r"[a-z]+:|#", target):
        return link[0]
    path, hash_, anchor = target.partition("#")
    wanted = posixpath.normpath(posixpath.join("docs", posixpath.dirname(source), path))
    here = counterparts.get(source, source)
    if wanted in OUTSIDE:
        wanted = OUTSIDE[wanted]
    elif wanted.startswith("docs/"):
        wanted = wanted.removeprefix("docs/")
    else:
        return link[0]  # mkdocs names it: no page has it
    wanted = counterparts.get(wanted, wanted)
    if chinese and source in counterparts and wanted == here:
        # From a Chinese page to the English text of the same: that is on the English site, of
        # which mkdocs knows nothing while it builds this one.
        target = f"{_up(here)}../{wanted.removesuffix('.md')}.html{hash_}{anchor}"
        return f'<a href="{target}">{text}</a>'
    return f"[{text}]({_relative(wanted, here)}{hash_}{anchor})"


def _up(path: str) -> str:
    return "../" * path.removeprefix("../").count("/")


def _relative(path: str, source: str) -> str:
    return posixpath.relpath(path, posixpath.dirname(source.removeprefix("../")) or ".")


def with_languages(text: str) -> str:
    """Each indented block as a fenced one that names its language, for colours and copying."""
    result: list[str] = []
    lines = text.splitlines()
    mark: re.Match[str] | None = None
    number, fenced = 0, False
    while number < len(lines):
        line = lines[number]
        if line.startswith("```"):
            fenced = not fenced
        if not fenced and _starts_block(lines, number):
            end = _end(lines, number)
            block = [each.removeprefix(_INDENT) for each in lines[number:end]]
            result += [f"```{language(block, mark)}", *block, "```"]
            number = end
            mark = None
            continue
        mark = _MARK.fullmatch(line) or (mark if not line.strip() else None)
        result.append(line)
        number += 1
    return "\n".join(result) + "\n"


def _starts_block(lines: list[str], number: int) -> bool:
    """Indented text after a blank line that belongs to no list."""
    if not lines[number].startswith(_INDENT) or (number and lines[number - 1].strip()):
        return False
    before = number - 1
    while before >= 0 and not (lines[before].strip() and not lines[before].startswith(" ")):
        before -= 1
    return before < 0 or not re.match(r"([-*]|\d+\.) ", lines[before])


def _end(lines: list[str], begin: int) -> int:
    end = begin
    while end < len(lines) and (lines[end].startswith(_INDENT) or _continues(lines, end)):
        end += 1
    return end


def _continues(lines: list[str], number: int) -> bool:
    """A blank line inside a block."""
    return (
        not lines[number].strip()
        and number + 1 < len(lines)
        and lines[number + 1].startswith(_INDENT)
    )


def language(block: list[str], mark: re.Match[str] | None = None) -> str:
    """Of a block: what its mark says, or what its first line looks like."""
    if mark and mark[1] == "text":
        return "yaml" if _YAML.match(mark[2]) else "text"
    if mark or _SHELL.match(block[0]):
        return "bash"
    if block[0].startswith("FROM "):
        return "dockerfile"
    return "python" if block[0].startswith("def ") else "text"


def headings(text: str) -> list[tuple[int, str]]:
    """Level and text of each heading."""
    found, fenced = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        if not fenced and (match := re.match(r"(#{1,6}) (.+)", line)):
            found.append((len(match[1]), match[2].strip()))
    return found


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and the site make it."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


def links(text: str) -> list[str]:
    """The targets of a Markdown text's links that lead to files or headings of this project."""
    plain = re.sub(r"(?m)^(    |\t).*$|(?s:^```.*?^```)", "", text)
    targets = [match[2] for match in _LINK.finditer(plain)]
    return [target for target in targets if not re.match(r"[a-z]+:", target)]
