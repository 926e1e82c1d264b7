"""Listing, hashing and deleting below a workspace."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dsk.agent import files
from dsk.wire import session
from dsk.wire.request import plain
from dsk.wire.transfer import PARTIAL, Listing
from tests.texts import en


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    place = tmp_path / "ws"
    (place / "m/deep").mkdir(parents=True)
    (place / "m/deep/a").write_bytes(b"abc")
    (place / "m/b 模型").write_text("")
    (place / ".dsk/jobs").mkdir(parents=True)
    (place / "m/.dsk").mkdir()
    (tmp_path / "outside").write_text("secret")
    return place


def listing(workspace: Path, *paths: str) -> Listing:
    return files.survey(str(workspace), list(paths))


def test_what_lies_below_a_path(workspace: Path) -> None:
    (workspace / "m/link").symlink_to("deep/a")
    (workspace / "m/deep/a").chmod(0o640)
    found = listing(workspace, "m")
    kinds = {path: entry.kind for path, entry in found.entries.items()}
    assert kinds == {
        "m": "folder",
        "m/.dsk": "folder",
        "m/b 模型": "file",
        "m/deep": "folder",
        "m/deep/a": "file",
        "m/link": "link",
    }
    assert (found.entries["m/deep/a"].size, found.entries["m/deep/a"].mode) == (3, 0o640)
    assert found.entries["m/link"].link == "deep/a"
    assert found.problems == () and found.astray == () and found.free > 0


def test_the_workspace_itself_is_all_but_what_is_each_nodes_own(workspace: Path) -> None:
    found = set(listing(workspace, ".").entries)
    assert "m/deep/a" in found and "m/.dsk" in found
    assert not any(path == "." or path.startswith(".dsk") for path in found)


def test_what_is_not_there(workspace: Path) -> None:
    found = listing(workspace, "none/at/all")
    assert found.entries == {} and found.problems == () and found.free > 0


@pytest.mark.parametrize("target", ["../../outside", "/etc/passwd", "../../ws2/x"])
def test_links_out_of_the_workspace(workspace: Path, target: str) -> None:
    (workspace / "m/out").symlink_to(target)
    found = listing(workspace, "m")
    assert tuple(map(en, found.problems)) == (
        f"m/out is a symbolic link out of the workspace, to {target}",
    )
    assert "m/out" not in found.entries


def test_links_to_what_was_not_asked_for_and_in_a_circle(workspace: Path) -> None:
    (workspace / "m/deep/up").symlink_to("../b 模型")
    (workspace / "m/deep/circle").symlink_to("circle")
    found = listing(workspace, "m/deep")
    assert found.astray == ("m/deep/up",)
    assert listing(workspace, "m").astray == ()


def test_a_link_among_the_parents(workspace: Path) -> None:
    (workspace / "alias").symlink_to("m")
    found = listing(workspace, "alias/deep")
    assert found.entries == {}
    assert tuple(map(en, found.behind)) == (
        f"alias/deep is behind a symbolic link, at {workspace}/m/deep: name that",
    )
    assert [entry.kind for entry in listing(workspace, "alias").entries.values()] == ["link"]


def test_names_that_are_no_text_and_things_that_are_no_files(workspace: Path) -> None:
    Path(os.fsdecode(bytes(workspace) + b"/m/\xff")).write_text("")
    os.mkfifo(workspace / "m/pipe")
    found = listing(workspace, "m")
    assert tuple(map(en, found.problems)) == ("'m/\\udcff' is not UTF-8: rename it",)
    assert found.skipped == 1


def test_links_to_and_from_names_that_are_no_text(workspace: Path) -> None:
    folder = bytes(workspace) + b"/m"
    Path(os.fsdecode(folder + b"/to")).symlink_to(os.fsdecode(b"\xff"))
    Path(os.fsdecode(folder + b"/out")).symlink_to(os.fsdecode(b"/\xff"))
    Path(os.fsdecode(folder + b"/\xfe")).symlink_to("to")
    (workspace / "m" / PARTIAL).mkdir()
    Path(os.fsdecode(folder + b"/" + PARTIAL.encode() + b"/\xfd")).write_text("")
    found = listing(workspace, "m")
    assert sorted(map(en, found.problems)) == [
        "'m/\\udcfe' is not UTF-8: rename it",
        "m/out is a symbolic link out of the workspace, to '/\\udcff'",
        "m/to is a symbolic link to '\\udcff', which is not UTF-8",
    ]
    assert session.decode(session.encode({"result": plain(found)}))


def test_what_has_arrived_of_a_file(workspace: Path) -> None:
    (workspace / "m/deep" / PARTIAL).mkdir()
    (workspace / "m/deep" / PARTIAL / "weights").write_bytes(bytes(7))
    assert listing(workspace, "m").partials == {"m/deep/weights": 7}
    assert listing(workspace, "m/deep/weights").partials == {"m/deep/weights": 7}
    assert not any(PARTIAL in path for path in listing(workspace, "m").entries)


def test_hashes(workspace: Path) -> None:
    found = files.digests(str(workspace), ["m/deep/a", "none"])
    assert found == (hashlib.sha256(b"abc").hexdigest(), None)


def test_deleting_leaves_what_is_not_named(workspace: Path) -> None:
    (workspace / "m/deep/new").write_text("")
    gone = files.delete(str(workspace), ["m/deep", "m/deep/a", "m/b 模型", "none"])
    assert gone == 2
    assert [path.name for path in (workspace / "m/deep").iterdir()] == ["new"]
