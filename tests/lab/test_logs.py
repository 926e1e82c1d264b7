"""What a job prints on two hosts, however much of it: kept in bounds, followed, chosen from."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Lab
from tests.lab.cluster import Cluster, Running
from tests.lab.test_jobs import LONG
from tests.lab.test_terminal import terminal

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

MIB = 1 << 20

FLOOD = """
import os, sys, threading

def flood():
    block = (b"x" * 99 + b"\\n") * 10_000
    for _ in range(1000):
        os.write(1, block)
    os.write(1, b"\\xff\\xfe\\0 no text " + b"y" * 50_000_000 + b"\\n")
    os.write(1, b"the flood is over\\n")

if os.environ.get("RANK") == "1" and "-m" in sys.orig_argv:
    threading.Thread(target=flood).start()
"""
"""1 GB in lines, and one line of 50 MB that is no text, beside the training."""


def events(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def flooding(lab: Lab, cluster: Cluster) -> Iterator[Cluster]:
    """Rank 1 runs the user's own sitecustomize beside the training."""
    for node in lab.nodes:
        hook = Path(node.workspace) / "hook"
        hook.mkdir(exist_ok=True)
        (hook / "sitecustomize.py").write_text(FLOOD)
    cluster.change(env={"PYTHONPATH": "/workspace/hook"})
    yield cluster
    cluster.change(env={})


@pytest.mark.full
def test_a_rank_that_prints_a_gigabyte(lab: Lab, flooding: Cluster) -> None:
    done = flooding.dsk("launch", flooding.train(output_dir="outputs/flood"), timeout=500)
    assert "succeeded" in done.out
    assert len(done.out) < 4 * MIB
    assert re.search(r"\[node1 rank 1\] dsk: \d+ lines left out.*logs/0/rank1.log", done.out)
    assert "[node1 rank 1] the flood is over" in done.out
    job = str(json.loads(flooding.dsk("status", "--json").out)["jobs"][-1]["job"])
    folder = Path(lab.nodes[1].workspace) / ".dsk/jobs" / job / "logs/0"
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sum(sizes.values()) <= 2 * 32 * MIB + MIB, sizes
    assert set(sizes) == {"rank1.log", "rank1.log.1"}
    losses = [
        line for line in done.out.splitlines() if "[node0 rank 0]" in line and "'loss'" in line
    ]
    assert len(losses) == 6
    bars = [line for line in done.out.splitlines() if "%|" in line]
    assert len(bars) < 30, bars
    _choose(flooding, job)


def _choose(cluster: Cluster, job: str) -> None:
    """On a job that has ended."""
    first = events(cluster.dsk("logs", "--rank", "0", "--json", job).out)
    assert {each["rank"] for each in first if each["event"] == "output"} == {0}
    assert first[-1]["event"] == "finished"
    second = events(
        cluster.dsk("logs", "--node", cluster.settings["nodes"][1]["host"], "--json").out
    )
    assert {each["rank"] for each in second if each["event"] == "output"} == {1}
    later = events(cluster.dsk("logs", "--rank", "0", "--json", "--since", "1s").out)
    assert len(later) < len(first)
    assert events(cluster.dsk("logs", "--rank", "0", "--json", "--since", "1d").out) == first
    assert "ranks 0 to 1, not 2" in cluster.dsk("logs", "--rank", "2", code=2).err
    assert "node7" in cluster.dsk("logs", "--node", "node7", code=2).err
    assert "there is no job nothing" in cluster.dsk("logs", "nothing", code=2).err
    assert "is not a time" in cluster.dsk("logs", "--since", "soon", code=2).err


@pytest.fixture
def long_job(cluster: Cluster) -> Iterator[str]:
    out = cluster.dsk("launch", "--detach", "--json", cluster.train(**LONG)).out
    yield str(json.loads(out)["job"])
    cluster.dsk("stop", code=None)


def steps(text: str) -> list[str]:
    """Each loss names its step's own place in the epochs."""
    return re.findall(r"'epoch': '?([\d.e+-]+)", text)


def follow(cluster: Cluster, job: str, *options: str) -> Running:
    return cluster.start("logs", "-f", *options, job)


def test_following_goes_on_after_its_own_end_and_ends_with_the_job(
    cluster: Cluster, long_job: str
) -> None:
    first = follow(cluster, long_job)  # while the job is only being started
    first.wait_for("'loss'", limit=300)
    first.kill()
    before = steps(first.text)
    second = follow(cluster, long_job)
    try:
        second.wait_for("'epoch': '0.4167'", limit=300)  # the fifth step
        deadline = time.monotonic() + 20
        # How long it will take is known from the second report on.
        while "left" not in (shown := cluster.dsk("status").out) and time.monotonic() < deadline:
            time.sleep(1)
        assert re.search(r"training  step \d+/5000  loss \d.*samples/s.*left", shown), shown
        assert re.search(r"node1 .* heard .* ago .*rank 1 training", shown), shown
        with terminal(cluster, "logs", "-f", "--rank", "0", term="xterm") as child:
            child.expect(r"\r\x1b\[K\[node0 rank 0\].*%\|", timeout=60)
            child.sendintr()
            child.expect("interrupted", timeout=20)
        cluster.dsk("stop")
        second.wait(30)
    finally:
        second.kill()
    after = steps(second.text)
    assert after[: len(before)] == before, "from the start on, and none is missing"
    assert len(after) == len(set(after)), "none comes twice"
    assert "stopped after" in second.text


@pytest.mark.full
def test_following_ends_where_the_supervisor_was_killed(
    lab: Lab, cluster: Cluster, long_job: str
) -> None:
    following = follow(cluster, long_job)
    following.wait_for("'loss'")
    master = lab.nodes[0].docker("ps", "--quiet", "--filter", "label=dsk.role=master").strip()
    lab.nodes[0].docker("kill", master)
    assert following.wait(30) == 1
    assert "exited without reporting a result" in following.text
    cluster.wait_until_gone(long_job)
