"""`dsk notify`, and that no command shows a URL."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Dsk
from tests.unit.wire.test_documented_keys import paragraph

URL = "https://hooks.example/T0KEN"
NOTIFY = f"""\
notify:
  - {{kind: feishu, url_env: FEISHU_URL, secret_env: FEISHU_SECRET, events: [failed]}}
  - {{kind: slack, url: "{URL}"}}
  - {{kind: command, command: [/bin/true, T0KEN]}}
"""
SET: dict[str, Any] = {"FEISHU_URL": URL, "FEISHU_SECRET": "S1GN"}


@pytest.fixture
def notified(in_cluster: Dsk) -> Dsk:
    file = in_cluster.folder / "dsk.yaml"
    file.write_text(file.read_text() + NOTIFY)
    return in_cluster


def test_the_targets_without_their_secrets(notified: Dsk) -> None:
    shown = notified("notify", **SET)
    assert shown.out.splitlines()[0] == "feishu  feishu  failed"
    assert "T0KEN" not in shown.out and "S1GN" not in shown.out
    as_json = notified("notify", "--json", "slack", **SET).out
    (target,) = json.loads(as_json)["targets"]
    assert (target["name"], target["delivered"], target["problem"]) == ("slack", None, None)
    assert {"targets", *target} <= paragraph("`dsk notify --json`") | {"targets"}
    assert "T0KEN" not in as_json


def test_no_target(in_cluster: Dsk) -> None:
    assert "no targets under notify" in in_cluster("notify", "--test", code=2).err


def test_a_target_that_is_not_there(notified: Dsk) -> None:
    err = notified("notify", "wecom", code=2, **SET).err
    assert "no target wecom" in err and "feishu, slack, command" in err


def test_a_variable_that_is_not_set(notified: Dsk) -> None:
    """Also `dsk launch` says so before anything is contacted."""
    train = notified.train()
    for words in (("notify", "--test"), ("launch", train), ("launch", "--dry-run", train)):
        err = notified(*words, code=2, **{**SET, "FEISHU_URL": ""}).err
        assert "notify[0].url_env: the environment variable FEISHU_URL is not set" in err


def test_a_master_that_cannot_be_reached(notified: Dsk) -> None:
    err = notified("notify", "--test", code=3, **SET).err
    assert "node0" in err and "T0KEN" not in err


def test_a_dry_run_shows_the_targets_without_their_secrets(notified: Dsk) -> None:
    train = notified.train()
    out = notified("launch", "--dry-run", train, **SET).out
    assert "feishu (feishu): failed" in out
    raw = notified("launch", "--dry-run", "--json", train, **SET).out
    assert json.loads(raw)["notify"][0] == {
        "name": "feishu", "kind": "feishu", "events": ["failed"],
    }  # fmt: skip
    for shown in (out, raw):
        assert "T0KEN" not in shown and "S1GN" not in shown


def test_commands_that_send_nothing_need_no_secret(notified: Dsk) -> None:
    notified("render", "--output", "bundles")
    for file in (notified.folder / "bundles").rglob("*"):
        assert file.is_dir() or b"T0KEN" not in file.read_bytes()
