"""A job's life on two hosts: watched, detached, stopped, and two of them at once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hosts import Lab
from tests.lab.cluster import Cluster, Running

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

LONG = {"max_steps": 5000, "finetuning_type": "full", "output_dir": "outputs/long"}
INTERRUPTED = 130


def running_job(cluster: Cluster) -> str:
    jobs = json.loads(cluster.dsk("status", "--json").out)["jobs"]
    return str(jobs[-1]["job"])


@pytest.fixture
def long_job(cluster: Cluster) -> Iterator[Running]:
    """A job that trains, with its `dsk launch` in the foreground."""
    launch = cluster.start("launch", cluster.train(**LONG))
    try:
        launch.wait_for("'loss'")
        yield launch
    finally:
        if launch.process.poll() is None:
            launch.kill()
            cluster.dsk("stop", code=None)


def test_a_second_launch_is_refused_and_names_the_first(
    cluster: Cluster, long_job: Running
) -> None:
    job = running_job(cluster)
    refused = cluster.dsk("launch", cluster.train("second.yaml"), code=1)
    assert job in refused.text
    assert f"dsk stop {job}" in refused.text
    detached = cluster.dsk("launch", "--detach", cluster.train("second.yaml"), code=1)
    assert f"dsk stop {job}" in detached.text and "the job continues" not in detached.text
    assert job_state(cluster, job) == "running"
    assert running_job(cluster) != job, "the refused ones are kept"
    newest, named = cluster.dsk("logs", "--json").out, cluster.dsk("logs", "--json", job).out
    assert named.startswith(newest), "without a name the one that runs is meant"
    assert cluster.processes_of(job)
    down = cluster.dsk("down", code=2)
    assert job in down.err


def test_ctrl_c_without_a_terminal_stops_the_job(cluster: Cluster, long_job: Running) -> None:
    job = running_job(cluster)
    assert cluster.processes_of(job)
    long_job.interrupt()
    assert long_job.wait(60) == INTERRUPTED
    assert "stopped" in long_job.text
    assert cluster.processes_of(job) == []
    assert job_state(cluster, job) == "stopped"


def job_state(cluster: Cluster, job: str) -> str:
    jobs = json.loads(cluster.dsk("status", "--json").out)["jobs"]
    return next(str(each["state"]) for each in jobs if each["job"] == job)


def test_detached_followed_and_stopped(cluster: Cluster) -> None:
    out = cluster.dsk("launch", "--detach", "--json", cluster.train(**LONG)).out
    job = json.loads(out)["job"]
    assert job == running_job(cluster)
    follow = cluster.start("logs", "-f")
    try:
        follow.wait_for("'loss'")
        status = cluster.dsk("status").out
        assert job in status and "running" in status
        assert f"is held by job {job}" in cluster.dsk("check", "--json", "--only", "port").out
        cluster.dsk("stop")
        assert cluster.processes_of(job) == []
        follow.wait(30)
    finally:
        follow.kill()
    assert "stopped" in follow.text
    assert job_state(cluster, job) == "stopped"
    assert "no job is running" in cluster.dsk("stop", code=2).err
    told = cluster.dsk("diagnose", job).out
    assert "stopped by a user at 20" in told and "not known" not in told
    assert json.loads(cluster.dsk("diagnose", "--json", job).out)["id"] == "stopped"
    again = cluster.dsk("logs", job).out
    assert "[node0 rank 0]" in again and "[node1 rank 1]" in again


def test_json_is_one_event_a_line(cluster: Cluster) -> None:
    train = cluster.train(max_steps=1, output_dir="outputs/json")
    events = [json.loads(line) for line in cluster.dsk("launch", "--json", train).out.splitlines()]
    assert events[-1]["event"] == "finished"
    assert events[-1]["state"] == "succeeded"
    last = [event for event in events if event["event"] == "step"][-1]
    assert (last["step"], last["steps"]) == (1, 1)
    assert last["loss"] is not None
    assert not [event for event in events if "ending what is left" in event.get("text", "")]
    [accepted, attempt] = [e for e in events if e["event"] in ("accepted", "attempt")]
    assert accepted["event"] == "accepted"
    assert (attempt["number"], attempt["nodes"], attempt["resume_from"]) == (0, [0, 1], None)


@pytest.mark.full
def test_a_supervisor_that_is_killed_leaves_nothing_running(
    lab: Lab, cluster: Cluster, long_job: Running
) -> None:
    job = running_job(cluster)
    master = lab.nodes[0].docker("ps", "--quiet", "--filter", "label=dsk.role=master").strip()
    lab.nodes[0].docker("kill", master)
    assert long_job.wait(60) != 0
    cluster.wait_until_gone(job)
    assert job_state(cluster, job) == "lost"
