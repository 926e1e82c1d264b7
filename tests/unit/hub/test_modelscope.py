"""The folder of a repository from ModelScope, with a stand-in for its library."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dsk.errors import Unreachable
from dsk.hub.modelscope import fetch
from dsk.wire.hub import Fetch

CONFIG = {"Path": "config.json", "Size": 2, "Type": "blob"}


class _Api:
    def get_model_files(self, *_: object, **__: object) -> list[dict[str, Any]]:
        return [CONFIG]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a modelscope there whose snapshot_download is the one given."""

    def put(snapshot_download: Callable[..., None]) -> None:
        package, api = ModuleType("modelscope"), ModuleType("modelscope.hub.api")
        package.__dict__["snapshot_download"] = snapshot_download
        api.__dict__["HubApi"] = _Api
        for module in (package, ModuleType("modelscope.hub"), api):
            monkeypatch.setitem(sys.modules, module.__name__, module)

    return put


def whole(repo: str, *, revision: str, local_dir: str, **_: object) -> None:
    Path(local_dir, "config.json").write_text("{}")


def cut_off(*_: object, **__: object) -> None:
    raise ConnectionResetError(104, "reset")


def wanted(folder: Path, revision: str) -> Fetch:
    return Fetch("modelscope", "me/model", revision, str(folder), None, None)


def test_what_is_whole_is_downloaded_once(tmp_path: Path, library: Callable[..., None]) -> None:
    library(whole)
    assert fetch(wanted(tmp_path, "v1"), print).downloaded
    library(cut_off)
    assert fetch(wanted(tmp_path, "v1"), print).paths == (str(tmp_path),)


def test_a_cut_off_switch_leaves_nothing_that_counts_as_whole(
    tmp_path: Path, library: Callable[..., None]
) -> None:
    library(whole)
    fetch(wanted(tmp_path, "v1"), print)
    library(cut_off)
    for revision in ("v2", "v1"):
        with pytest.raises(Unreachable, match="ModelScope cannot be used"):
            fetch(wanted(tmp_path, revision), print)
