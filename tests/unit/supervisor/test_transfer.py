"""What has to be sent, what may be merged, and what rsync's failures mean."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from dsk.errors import JobFailed, Unreachable
from dsk.supervisor.transfer.compare import amount, difference, named, room_needed, size
from dsk.supervisor.transfer.merge import Conflict, held_twice, merge
from dsk.supervisor.transfer.party import differing
from dsk.supervisor.transfer.pull import _way_out
from dsk.supervisor.transfer.rsync import Rsyncs, argv, failure
from dsk.wire.transfer import Entry, Listing
from tests.texts import en


def entries(*found: Entry) -> dict[str, Entry]:
    return {entry.path: entry for entry in found}


def file(path: str, size: int = 1, mode: int = 0o644) -> Entry:
    return Entry(path, "file", size, mode)


FOLDER = Entry("d", "folder", mode=0o755)
LINK = Entry("l", "link", link="a")


def test_only_files_alike_on_the_surface_are_left_to_their_hashes() -> None:
    source = entries(
        FOLDER, LINK, file("d/new"), file("same"), file("grown", 2), file("x", 1, 0o755)
    )
    target = entries(FOLDER, LINK, file("same"), file("grown", 1), file("x"), file("old"))
    found = difference(source, target)
    assert [entry.path for entry in found.send] == ["d/new", "grown", "x"]
    assert [entry.path for entry in found.alike] == ["same"]
    assert found.extra == ("old",)
    assert found.clash == ()


def test_a_folder_and_a_file_of_one_name_clash() -> None:
    assert difference(entries(FOLDER), entries(file("d"))).clash == ("d",)
    assert difference(entries(file("d")), entries(FOLDER)).clash == ("d",)
    other = Entry("l", "link", link="b")
    assert difference(entries(LINK), entries(other)).send == (LINK,)


@pytest.mark.parametrize(
    ("send", "there", "partials", "expected"),
    [
        ([file("a", 10), file("b", 5)], entries(), {}, 15),
        ([file("a", 10)], entries(), {"a": 7}, 3),
        ([file("a", 10)], entries(file("a", 8)), {}, 2 + 8),
        ([file("a", 10), file("b", 10)], entries(file("a", 20), file("b", 20)), {}, 10),
        ([FOLDER, LINK], entries(), {}, 0),
    ],
)
def test_the_room_that_a_target_needs(
    send: list[Entry], there: dict[str, Entry], partials: dict[str, int], expected: int
) -> None:
    assert room_needed(send, Listing(there, partials, 0)) == expected


def test_counting_and_naming() -> None:
    assert amount([FOLDER, LINK, file("a", 10)]) == (2, 10)
    assert en(named(["a", "b", "c"], limit=2)) == "a, b and 1 more"
    assert [size(number) for number in (999, 1_500, 2_000_000, 3_210_000_000, 10**13)] == [
        "999 B",
        "1.5 kB",
        "2.0 MB",
        "3.2 GB",
        "10000.0 GB",
    ]


def test_a_digest_that_is_missing_or_another_differs() -> None:
    assert differing({"a": "1", "b": "2", "c": None}, {"a": "1", "b": "3", "c": None}) == ["b", "c"]


SHARDS = {
    "m": entries(FOLDER, file("d/0"), file("d/config")),
    "n1": entries(FOLDER, file("d/1"), file("d/config")),
    "n2": entries(FOLDER, file("d/1"), file("d/2"), file("d/config")),
}
SAME = {"d/config": "c", "d/1": "1"}


def test_shards_merge_and_what_is_the_same_is_taken_once() -> None:
    assert {
        node: [entry.path for entry in found] for node, found in held_twice(SHARDS).items()
    } == {
        "m": ["d/config"],
        "n1": ["d/1", "d/config"],
        "n2": ["d/1", "d/config"],
    }
    merged = merge("m", SHARDS, {"m": SAME, "n1": SAME, "n2": SAME}, prefer_master=False)
    assert {node: [entry.path for entry in take] for node, take in merged.take.items()} == {
        "n1": ["d/1"],
        "n2": ["d/2"],
    }
    assert merged.conflicts == () and merged.kept == ()


def test_what_differs_is_a_conflict_unless_the_masters_is_preferred() -> None:
    other = {**SAME, "d/config": "x"}
    digests = {"m": SAME, "n1": other, "n2": other}
    merged = merge("m", SHARDS, digests, prefer_master=False)
    assert merged.conflicts == (Conflict("d/config", "m", "n1"), Conflict("d/config", "m", "n2"))
    merged = merge("m", SHARDS, digests, prefer_master=True)
    assert merged.conflicts == () and merged.kept == ("d/config",)


def test_the_master_decides_only_about_what_it_has() -> None:
    digests = {"m": SAME, "n1": SAME, "n2": {**SAME, "d/1": "x"}}
    merged = merge("m", SHARDS, digests, prefer_master=True)
    assert merged.conflicts == (Conflict("d/1", "n1", "n2"),)


def test_the_way_out_of_a_conflict_is_a_command_that_works() -> None:
    theirs = _way_out("/w", "a b", 0, [Conflict("a b/x", 1, 2)])
    assert en(theirs) == "take the files of one node: dsk pull 'a b' --node node1"
    own = en(_way_out("/w", "d", 0, [Conflict("d/x", 1, 2), Conflict("d/y", 0, 1)]))
    assert "dsk pull d --prefer-master" in own
    assert "dsk exec --node node0 -- rm /w/d/y" in own


def test_a_file_that_cannot_be_read_is_not_the_same() -> None:
    unread: dict[str, dict[str, str | None]] = {
        "m": {"d/config": None},
        "n1": {**SAME, "d/config": None},
        "n2": {**SAME},
    }
    assert merge("m", SHARDS, unread, prefer_master=False).conflicts


def test_names_never_stand_on_the_command_line() -> None:
    words = argv(Path("/root/.ssh/config"), "/w x/", "10.0.0.12:/w x/")
    assert words[-3:] == ["--", "/w x/", "10.0.0.12:/w x/"]
    assert {"--files-from=-", "--from0", "--secluded-args"} <= set(words)
    assert not any(word.startswith("--delete") for word in words)


FULL = """\
rsync: [receiver] write failed on "/w/a": No space left on device (28)
rsync error: error in file IO (code 11) at receiver.c(381) [receiver=3.2.7]
"""
LOST = """\
Timeout, server 10.0.0.12 not responding.
rsync: connection unexpectedly closed (1234 bytes received so far) [sender]
rsync error: error in rsync protocol data stream (code 12) at io.c(231) [sender=3.2.7]
"""


@pytest.mark.parametrize(
    ("code", "stderr", "kind", "says"),
    [
        (11, FULL, JobFailed, "the disk became full on the way: rsync: [receiver] write failed"),
        (12, FULL, JobFailed, "the disk became full"),
        (12, LOST, Unreachable, "the connection was lost: Timeout, server 10.0.0.12"),
        (255, "ssh: connect to host: No route to host\n", Unreachable, "No route to host"),
        (24, 'file has vanished: "/w/a"\n', JobFailed, "files vanished on the way"),
        (23, "rsync: open failed: Permission denied (13)\n", JobFailed, "Permission denied (13)"),
        (-9, "", JobFailed, "rsync failed (rsync ended with -9)"),
    ],
)
def test_failures(code: int, stderr: str, kind: type, says: str) -> None:
    error = failure(code, stderr, "node1 (10.0.0.12)", peer_sends=False)
    assert type(error) is kind
    assert says in error.message
    assert error.where == "node1 (10.0.0.12)"


AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="changes its user")
@pytest.mark.parametrize(
    ("closed", "peer_sends", "where", "said"),
    [
        ("source", False, "the master", "may not read"),
        ("source", True, "node1", "may not read"),
        ("target", False, "node1", "may not write to"),
        ("target", True, "the master", "may not write to"),
    ],
)
def test_a_file_that_the_workers_may_not_touch_is_named_with_its_node(
    closed: str, peer_sends: bool, where: str, said: str
) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are closed to others
        folder = Path(name)
        folder.chmod(0o755)
        source, target = folder / "source", folder / "target"
        for place in (source, target):
            (place / "m").mkdir(parents=True)
            for each in (place, place / "m"):
                each.chmod(0o777)
        (source / "m/model.safetensors").write_text("w")
        (source / "m/model.safetensors").chmod(0o600 if closed == "source" else 0o644)
        (target / "m").chmod(0o755 if closed == "target" else 0o777)
        command = [*AS_NOBODY, *argv(Path("config"), f"{source}/", f"{target}/")]
        with pytest.raises(JobFailed) as error:
            Rsyncs().run(
                command,
                ["m/model.safetensors"],
                where="node1",
                peer_sends=peer_sends,
                progress=lambda _: None,
            )
        assert said in error.value.message and f"{folder / closed}/m/" in error.value.message
        assert error.value.where == where
        assert "chown -R" in str(error.value.fix) and f"{folder / closed}/m" in str(error.value.fix)
