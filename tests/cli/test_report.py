"""`dsk report` of a job's folder that was copied here: nothing is contacted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest

from dsk.report.goodput import PARTS
from tests.cli.conftest import DSK, Dsk

RECORDED = Path(__file__).parents[1] / "unit/report/recorded"
TRAINED = str(RECORDED / "succeeded")
KILLED = str(RECORDED / "killed")


def test_the_page_of_a_recorded_job(dsk: Dsk) -> None:
    said = dsk("report", TRAINED)
    path = dsk.folder / "report-succeeded.html"
    assert said.out == f"wrote {path.name}\n" and said.err == ""
    text = path.read_text("utf-8")
    assert "Goodput" in text and len(text) < 2_000_000
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(dsk.folder.iterdir()) == [path], "no draft is left"


def test_a_file_that_is_there_is_kept(dsk: Dsk) -> None:
    path = dsk.write("page.html", "mine")
    for words in ((), ("--csv",), ("--json",)):
        said = dsk("report", TRAINED, "-o", path.name, *words, code=2)
        assert "page.html: exists already" in said.err and "--force" in said.err
    assert path.read_text() == "mine"
    dsk("report", TRAINED, "-o", path.name, "--force")
    assert "Goodput" in path.read_text("utf-8")


def test_a_folder_that_cannot_be_written(dsk: Dsk) -> None:
    said = dsk("report", TRAINED, "-o", "missing/page.html", code=2)
    assert "missing/page.html: cannot be written: No such file or directory" in said.err


def test_in_chinese(dsk: Dsk) -> None:
    dsk("report", TRAINED, "-o", "zh.html", "--lang", "zh")
    dsk("report", TRAINED, "-o", "env.html", LANG="zh_CN.UTF-8", LC_ALL="")
    for name in ("zh.html", "env.html"):
        assert "有效训练步" in (dsk.folder / name).read_text("utf-8")


def test_a_comparison(dsk: Dsk) -> None:
    dsk("report", TRAINED, "--compare", KILLED, "-o", "both.html")
    text = (dsk.folder / "both.html").read_text("utf-8")
    assert "<bdi>learning_rate</bdi>" in text and "<bdi>killed</bdi>" in text


def test_json(dsk: Dsk) -> None:
    found = json.loads(dsk("report", KILLED, "--json").out)
    assert found["state"] == "failed" and found["recipe"]["hf_hub_token"] == "***"
    goodput = found["goodput"]
    assert sum(goodput["parts"].values()) == pytest.approx(goodput["seconds"])
    assert set(goodput["parts"]) == set(PARTS)
    written = dsk("report", KILLED, "--json", "-o", "figures.json")
    assert written.out == "" and "wrote figures.json" in written.err
    again = json.loads((dsk.folder / "figures.json").read_text())
    assert again == found


def test_csv(dsk: Dsk) -> None:
    rows = [line.split(",") for line in dsk("report", TRAINED, "--csv").out.splitlines()]
    figures = {row[7]: row[8] for row in rows[1:]}
    assert figures["memory_used"] == "bytes" and figures["network_sent"] == "bytes/s"
    steps = [row[4] for row in rows if row[7] == "loss"]
    assert steps == [str(step) for step in range(1, len(steps) + 1)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--json", "--csv"), "--csv and --json exclude each other"),
        (("--live", "--json"), "--live and --json exclude each other"),
        (("--live", "-o", "x"), "--live serves the page and writes no file"),
        (("--port", "8000"), "--port is for --live"),
        (("--port", "99999", "--live"), "99999 is not in the range"),
    ],
)
def test_options_that_do_not_fit(dsk: Dsk, words: tuple[str, ...], said: str) -> None:
    assert said in dsk("report", TRAINED, *words, code=2).err


@pytest.mark.parametrize("folder", ["./nothing", ".", "/dev/null/x"])
def test_a_folder_that_is_no_jobs(dsk: Dsk, folder: str) -> None:
    said = dsk("report", folder, code=2)
    assert "it is no job's folder" in said.err and "name a job" in said.err
    error = json.loads(dsk("report", folder, "--json", code=2).out)
    assert error["event"] == "error" and error["exit_code"] == 2


def test_a_folder_that_is_damaged(dsk: Dsk) -> None:
    """A report of what is there, which says what is missing."""
    job = dsk.folder / "copy"
    job.mkdir()
    events = (RECORDED / "killed/events.jsonl").read_bytes()
    (job / "events.jsonl").write_bytes(b"\0\0{\n" + events[: len(events) // 2])
    dsk("report", "copy")
    text = (dsk.folder / "report-copy.html").read_text("utf-8")
    assert "events.jsonl: lines that cannot be read and are left out: 1" in text
    assert "events.jsonl: the last line is cut off" in text
    assert "figures.jsonl is not there" in text


def test_a_job_needs_a_cluster(dsk: Dsk, in_cluster: Dsk) -> None:
    said = in_cluster("report", "20261129-101010-abcd", code=3)
    assert "10.255.255.11" in said.err
    (dsk.folder / "dsk.yaml").unlink()
    assert "dsk.yaml" in dsk("report", code=2).err


def test_live_until_ctrl_c(tmp_path: Path) -> None:
    with subprocess.Popen(
        [DSK, "report", KILLED, "--live"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        assert line.endswith("(Ctrl-C ends this)\n")
        with urllib.request.urlopen(line.split()[0], timeout=30) as answer:
            assert "Goodput" in answer.read().decode()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")
    assert not list(tmp_path.iterdir())
