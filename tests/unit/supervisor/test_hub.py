"""When the ranks need no hub."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from dsk.errors import DskError, JobFailed, Unreachable, UserError
from dsk.supervisor.hub import provide, why_online
from dsk.supervisor.record import Record
from dsk.supervisor.worker import Worker
from dsk.text import verbatim
from dsk.wire.hub import (
    Downloading,
    Fetch,
    HubNeeds,
    Ready,
    Refused,
    Word,
    decode,
    encode,
    or_a_folder,
)
from dsk.wire.jobspec import JobNode
from dsk.wire.status import JobStatus
from tests.texts import en
from tests.unit.wire.test_messages import SPEC

NEEDS = HubNeeds("10.0.0.11", "huggingface", {"a/b": ""}, "main", None, None, "ONLINE")


@pytest.fixture
def needs(tmp_path: Path) -> HubNeeds:
    described = {
        "mine": {"file_name": "x.json"},
        "theirs": {"hf_hub_url": "a/c", "ms_hub_url": "x"},
    }
    (tmp_path / "dataset_info.json").write_text(json.dumps(described))
    return replace(NEEDS, dataset_dir=str(tmp_path))


def test_local_data_needs_no_hub(needs: HubNeeds) -> None:
    assert why_online(replace(needs, datasets=("mine",))) == []
    assert why_online(replace(needs, datasets=())) == []


def test_data_of_a_hub_does(needs: HubNeeds) -> None:
    assert list(map(en, why_online(replace(needs, datasets=("mine", "theirs"))))) == [
        "the dataset theirs comes from there"
    ]
    pushes = verbatim("push_to_hub is set")
    assert why_online(replace(needs, online=(pushes,))) == [pushes]


def test_what_cannot_be_read_does_as_well() -> None:
    [reason] = why_online(replace(NEEDS, datasets=("mine",)))
    assert "ONLINE/dataset_info.json cannot be read" in en(reason)


def test_a_failure_says_where_a_folder_was_looked_for_and_how_it_gets_there() -> None:
    looked = ("/w/p/my models/m", "/w/my models/m")
    message, fix = or_a_folder(
        verbatim("no such repository"), verbatim("correct the name"), looked, "/w", push=True
    )
    assert message.in_language("en") == (
        "no such repository; no folder of that name was found on the master either (looked for "
        "/w/p/my models/m, /w/my models/m)"
    )
    assert en(fix) == (
        "correct the name; if a folder is meant, copy it to /w/my models/m on the master, then: "
        "dsk push 'my models/m'"
    )
    assert "/w/p/my models/m, /w/my models/m" in message.in_language("zh")
    assert "dsk push 'my models/m'" in (fix.in_language("zh") if fix else "")


def test_one_node_has_nobody_to_push_to() -> None:
    _, fix = or_a_folder(verbatim("cut off"), None, ("/w/m",), "/w", push=False)
    assert en(fix) == "if a folder is meant, copy it to /w/m on the master"


def test_where_nobody_looked_for_a_folder_the_failure_says_nothing_of_one() -> None:
    message, fix = or_a_folder(verbatim("cut off"), verbatim("again"), (), "/w", push=True)
    assert (en(message), en(fix)) == ("cut off", "again")


@pytest.mark.parametrize(
    "word",
    [
        Downloading(1, 2),
        Ready(("/w/a b", "/w/模型"), 3, verbatim("x")),
        Refused(verbatim("no"), 2, verbatim("do")),
    ],
)
def test_words_survive_the_way(word: Word) -> None:
    assert decode(encode(word)) == word


def test_a_librarys_own_output_is_no_word() -> None:
    for line in ("Fetching 3 files", "{}", "[1]", '{"word": "ready"}'):
        with pytest.raises(ValueError, match="not a word"):
            decode(line)
    fetch = Fetch("huggingface", "a/b", "main", "", None, "t")
    assert Fetch(**json.loads(fetch.to_json())) == fetch


@dataclass(frozen=True)
class Asked:
    """What a download needs to know of a worker."""

    node: JobNode
    name: str


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (
            encode(Refused(verbatim("no such repository"), 2, verbatim("correct it"))),
            UserError,
            "no such repository; ",
        ),
        (encode(Refused(verbatim("no answer"), 3, verbatim(""))), Unreachable, "no answer; "),
        ("Killed", JobFailed, "the download of models/m ended early: Killed; "),
    ],
)
def test_a_download_that_fails_says_so_with_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, kind: type[DskError], message: str
) -> None:
    """With an `ssh` that prints what the program in the master's worker would."""
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nread -r fetch\ncat <<'END'\n{said}\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    looked = {"models/m": ("/w/models/m",)}
    needs = replace(NEEDS, repos={"models/m": ""}, looked=looked)
    spec = replace(SPEC, workspace="/w")
    first, second = (cast("Worker", Asked(node, node.host)) for node in spec.nodes)
    status = JobStatus("j", "lab", "starting", (), 3, 1.0, 1.0, str(tmp_path))
    record = Record(status, io.BytesIO())
    with pytest.raises(kind) as caught:
        provide(
            *(spec, needs, first, [second], record), rank_config=tmp_path, agent_config=tmp_path
        )
    missing = "no folder of that name was found on the master either (looked for /w/models/m)"
    assert caught.value.message == message + missing
    assert str(caught.value.fix).endswith(
        "copy it to /w/models/m on the master, then: dsk push models/m"
    )
    assert caught.value.where == first.name
