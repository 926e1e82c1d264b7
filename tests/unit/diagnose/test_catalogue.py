"""Each entry against its own examples, its near miss, and all other entries' examples."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from dsk.checks.registry import CHECKS
from dsk.diagnose import Judge, catalogue, load
from dsk.diagnose.catalogue import parse
from dsk.diagnose.entry import Entry, Example
from dsk.errors import UserError
from tests.image import provocations

ROOT = Path(__file__).parents[3]
ENTRIES = load()
CASES = [
    pytest.param(entry, example, id=f"{entry.id}-{number}")
    for entry in ENTRIES
    for number, example in enumerate(entry.examples)
]


def seen_in(log: str) -> dict[str, str]:
    """The ids of all entries that match, with their kinds."""
    found = Judge(ENTRIES).read(io.BytesIO(log.encode()))
    firsts = [found.first] if found.first else []
    return {each.entry.id: each.entry.kind for each in (*firsts, *found.others, *found.second_hand)}


@pytest.mark.parametrize(("entry", "example"), CASES)
def test_the_example_is_recognized_and_nothing_else_is_blamed(
    entry: Entry, example: Example
) -> None:
    found = Judge(ENTRIES).read(io.BytesIO(example.log.encode()))
    assert seen_in(example.log)[entry.id] == entry.kind
    if entry.kind in ("cause", "finding"):
        assert found.id == entry.id
        assert found.others == ()
    else:
        assert found.id is None


@pytest.mark.parametrize(
    ("entry", "near_miss"),
    [
        pytest.param(entry, text, id=f"{entry.id}-{number}")
        for entry in ENTRIES
        for number, text in enumerate(entry.near_misses)
    ],
)
def test_a_near_miss_is_not_taken_for_it(entry: Entry, near_miss: str) -> None:
    assert entry.id not in seen_in(near_miss)


@pytest.mark.parametrize(("entry", "example"), CASES)
def test_the_texts_are_complete_in_both_languages(entry: Entry, example: Example) -> None:
    found = Judge([entry]).read(io.BytesIO(example.log.encode()))
    told = next(iter((*filter(None, [found.first]), *found.others, *found.second_hand)))
    for text in (told.cause, told.fix, told.entry.not_proved):
        for value in (text.in_language("en"), text.in_language("zh")):
            assert value.strip() == value
            assert "{{" not in value
    assert told.cause.in_language("en") != told.cause.in_language("zh")
    assert re.search(r"[\u4e00-\u9fff]", told.cause.in_language("zh"))


def origins(kind: str) -> set[str]:
    every = (example.origin for entry in ENTRIES for example in entry.examples)
    return {origin.removeprefix(kind) for origin in every if origin.startswith(kind)}


def test_what_was_provoked_can_be_provoked_again() -> None:
    assert origins("provoked: ") == set(provocations.names()) - {"rank-raises"}
    for kind, paths in (
        ("lab: ", ("lab/test_diagnose.py", "lab/test_fault_table.py")),
        ("gpu: ", ("gpu/test_cluster.py",)),
    ):
        tests = "".join((ROOT / "tests" / path).read_text() for path in paths)
        assert all(f"def {name}(" in tests for name in origins(kind))


# The seed that the catalogue grew from: what people really hit, in 24 groups.
GROUPS = [
    {"nccl-watchdog"},
    {"bridge-interface", "no-interface", "gloo-mesh", "gloo-interface"},
    {"no-route"},
    {"port-in-use"},
    {"pdsh-missing"},
    {"host-unreachable-by-ssh"},
    {"cuda-home-missing", "ninja-missing", "cuda-mismatch"},
    {"compile-failed", "cpu-adam-tail"},
    {"shared-memory"},
    {"gpu-memory"},
    {"host-memory"},
    {"message-truncated"},
    {"dataset-cache-race"},
    {"resume-incomplete", "zero-shards-missing"},
    {"read-args-unpatched"},
    {"hostfile-broken", "hostfile-missing"},
    {"wrong-address"},
    {"config-mismatch"},
    {"tokenizer-timeout"},
    {"fp16-overflow", "loss-nan"},
    {"dataset-file-missing", "dataset-info-missing", "dataset-undefined"},
    {"force-torchrun"},
    {"world-size-changed"},
    {
        "disk-full", "ssh-host-key", "ssh-key-refused", "ssh-refused", "ssh-timeout",
        "no-gpu-runtime", "driver-mismatch", "driver-old", "no-kernel-image", "duplicate-gpu",
        "ecc-error", "xid",
    },
]  # fmt: skip


def test_the_groups_are_there() -> None:
    assert len(GROUPS) == 24
    assert set.union(*GROUPS) <= {entry.id for entry in ENTRIES}


def test_the_checks_that_a_fix_names_are_there() -> None:
    known = {check.name for check in CHECKS}
    named = {name for entry in ENTRIES for name in re.findall(r"--only ([\w-]+)", entry.fix.en)}
    assert named and named <= known


def test_the_files_are_read_alike_by_the_parser_that_names_mistakes() -> None:
    """Which also refuses an entry that stands in a file twice."""
    folder = Path(catalogue.__file__).with_suffix("")
    read = [each for path in sorted(folder.glob("*.yaml"))
            for each in parse(path.read_text(), path.name)]  # fmt: skip
    assert tuple(read) == ENTRIES


GOOD = """
some-error:
  one_of: ['something broke: (?P<what>.+)']
  cause: "It broke: {what}"
  fix: "Repair {what}"
  not_proved: "that it was intact"
  examples: [{origin: "https://github.com/a/b/issues/1", log: "something broke: x"}]
  near_misses: ["something brooke"]
"""


def test_a_good_file() -> None:
    (entry,) = parse(GOOD, "good.yaml")
    assert (entry.id, entry.kind) == ("some-error", "cause")


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        ("near_misses", "near_misse", 8, "near_misse"),
        ("(?P<what>.+)", "(?P<what>.+", 3, "no regular expression"),
        ("something broke: (?P<what>.+)", "a (?P<what>.+)", 3, "no fixed text"),
        ("Repair {what}", "Repair {it}", 5, "no such group"),
        ("that it was intact", "{what}", 6, "only cause and fix"),
        ("https://github.com/a/b/issues/1", "somewhere", 7, "origin"),
        ("  near_misses", "some-error:\n  near_misses", 8, "twice"),
    ],
)
def test_mistakes_are_named_with_their_line(old: str, new: str, line: int, text: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(GOOD.replace(old, new), "bad.yaml")
    assert f"bad.yaml:{line}: " in str(caught.value)
    assert text in str(caught.value)


def test_a_field_that_no_pattern_has() -> None:
    bad = GOOD.replace("Repair {what}", "Repair {it}")
    with pytest.raises(UserError, match=r"bad\.yaml:5: some-error\.fix: no such group .*it"):
        parse(bad, "bad.yaml")
