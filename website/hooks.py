"""mkdocs: which files are the pages of this language, and what each becomes (pages.py)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import jieba
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nav import navigation, placed
from pages import CHINESE, NO_CHINESE, OUTSIDE, as_page, chinese_of

ROOT = Path(__file__).resolve().parents[1]
SHIM = ROOT / "requirements/npm/node_modules/iframe-worker/shim/index.js"
"""Makes the search work where the pages are opened as files, without a server."""
SHIM_URI = "javascripts/iframe-worker.js"

jieba.setLogLevel(logging.WARNING)

_source: dict[str, str] = {}
"""From a page to the file with its text, below docs/."""
_counterparts: dict[str, str] = {}
"""From each Chinese file to its English one."""


def _is_chinese(config: MkDocsConfig) -> bool:
    return str(config.theme["language"]) == "zh"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    nav = config.nav or []
    pages = {
        path.relative_to(config.docs_dir).as_posix()
        for path in Path(config.docs_dir).rglob("*.md")
        if not path.name.endswith(CHINESE)
    }
    config.nav = navigation(nav, pages - placed(nav), config.extra.get("titles", {}))
    config.extra["polyfills"] = [SHIM_URI]
    config.extra["alternate"] = True  # theme/partials/alternate.html has the links
    config.extra["languages"] = [
        {"name": "English", "lang": "en", "folder": "../" if _is_chinese(config) else ""},
        {"name": "中文", "lang": "zh", "folder": "" if _is_chinese(config) else "zh/"},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    _source.clear()
    _counterparts.clear()
    names = {file.src_uri for file in files.documentation_pages()}
    for name in sorted(names):
        if name.endswith(CHINESE):
            files.remove(files.src_uris[name])
        elif chinese := chinese_of(name, names):
            _counterparts[chinese] = name
    for name in sorted(names):
        if not name.endswith(CHINESE):
            chinese = chinese_of(name, names) if _is_chinese(config) else None
            _source[name] = chinese or name
    for path, name in OUTSIDE.items():
        if path.endswith(CHINESE):
            _counterparts[f"../{path}"] = name
            if _is_chinese(config):
                _source[name] = f"../{path}"
        elif name not in names:
            files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
            if name.endswith(".md"):
                _source[name] = f"../{path}"
    files.append(File.generated(config, SHIM_URI, abs_src_path=str(SHIM)))
    return files


def on_page_read_source(*, page: Page, config: MkDocsConfig) -> str:
    return (Path(config.docs_dir) / _source[page.file.src_uri]).read_text(encoding="utf-8")


def on_page_markdown(text: str, *, page: Page, config: MkDocsConfig, **_: Any) -> str:
    source = _source[page.file.src_uri]
    chinese = _is_chinese(config)
    text = as_page(text, source, _counterparts, chinese=chinese)
    if chinese and not source.endswith(CHINESE):
        text = NO_CHINESE + text if not text.startswith("# ") else _below_title(text)
    return text


def _below_title(text: str) -> str:
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{NO_CHINESE}{rest}"
