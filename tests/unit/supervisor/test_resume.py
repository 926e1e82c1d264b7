"""The checkpoint of each attempt: chosen for all nodes, completed, and named in the recipe."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from dsk.errors import UserError
from dsk.supervisor.resume import Checkpoints, recipe_for, step_of
from dsk.wire.events import Notice
from dsk.wire.jobspec import JobNode, JobSpec, Needed, RecipeText
from tests.texts import en
from tests.unit.supervisor.agents import Agent, workers
from tests.unit.supervisor.test_job import Told
from tests.unit.wire.test_messages import SPEC

OUT = "/w/out"
NODES = (JobNode(0, "10.0.0.10", (0,), 1), JobNode(1, "10.0.0.11", (0,), 1))
RECIPE = RecipeText("a: 1\n", bare="a: 1\n")
JOB = replace(
    SPEC,
    nodes=NODES,
    output_dir=OUT,
    recipe_local=RECIPE,
    recipe_shared=RECIPE,
    needed=(Needed("/w/model"),),
)


def save(disk: Path, step: int, *ranks: int, first: bool | None = None) -> Path:
    """What ranks on one disk leave, with ZeRO-2."""
    folder = disk / f"checkpoint-{step}"
    shards = folder / f"global_step{step}"
    shards.mkdir(parents=True, exist_ok=True)
    (shards / "mp_rank_00_model_states.pt").write_bytes(b"weights")
    for rank in ranks:
        (shards / f"zero_pp_rank_{rank}_mp_rank_00_optim_states.pt").write_bytes(b"shard")
        (folder / f"rng_state_{rank}.pth").write_bytes(b"random")
    if 0 in ranks if first is None else first:
        (folder / "latest").write_text(shards.name)
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return folder


class Site:
    """Two nodes with a disk each, and what a job's supervisor looks at there."""

    def __init__(self, folder: Path, told: Told) -> None:
        self.disks = [folder / "0", folder / "1"]
        self.agents = [Agent(index, disk, OUT) for index, disk in enumerate(self.disks)]
        self.told = told

    def save(self, *steps: int) -> None:
        for step in steps:
            for rank, disk in enumerate(self.disks):
                save(disk, step, rank)

    def job(self, spec: JobSpec = JOB) -> Checkpoints:
        return Checkpoints(spec, workers(*self.agents), self.told.record, shared=False)

    def said(self) -> list[str]:
        return [
            en(each.text)
            for each in self.told.events
            if isinstance(each, Notice) and each.kind == "checkpoint"
        ]


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    made.close()


@pytest.fixture
def site(tmp_path: Path, told: Told) -> Site:
    return Site(tmp_path, told)


RESUMES = replace(JOB, resumes=True)


def test_a_job_resumes_from_the_newest_checkpoint_of_its_output_dir(site: Site) -> None:
    assert site.job(RESUMES).first() is None
    site.save(8, 16)
    assert site.job(RESUMES).first() == f"{OUT}/checkpoint-16"
    latest = site.disks[1] / "checkpoint-16/latest"
    assert latest.read_text() == "global_step16", "copied from node0"
    (said,) = site.said()
    assert said.startswith("latest of /w/out/checkpoint-16 is copied to node1")


def test_one_disk_is_looked_at_once(site: Site) -> None:
    save(site.disks[0], 8, 0, 1)
    found = Checkpoints(RESUMES, workers(*site.agents), site.told.record, shared=True)
    assert found.first() == f"{OUT}/checkpoint-8"
    assert site.agents[1].asked == [] and site.said() == []


def test_a_job_resumes_from_the_checkpoint_that_its_recipe_names(site: Site) -> None:
    named = Needed("/w/old/checkpoint-4", own=True)
    site.save(8)
    assert site.job(replace(JOB, needed=(Needed("/w/model"), named))).first() == named.path
    assert site.job().first() is None


def test_a_step_that_is_not_complete_everywhere_is_skipped(site: Site) -> None:
    site.save(8, 16)
    (site.disks[1] / "checkpoint-16/rng_state_1.pth").unlink()
    assert site.job(RESUMES).first() == f"{OUT}/checkpoint-8"
    assert site.said()[0] == (
        "checkpoint-16 in /w/out is not complete (node1: rng_state_1.pth is missing); the job"
        " resumes from checkpoint-8"
    )


def test_checkpoints_none_of_which_is_complete(site: Site) -> None:
    save(site.disks[0], 8, 0)
    with pytest.raises(UserError) as raised:
        site.job(RESUMES).first()
    assert "no checkpoint in /w/out is complete: checkpoint-8" in raised.value.message
    assert "overwrite_output_dir=true" in (raised.value.fix or "")


def test_another_attempt_takes_what_this_job_has_saved(site: Site) -> None:
    site.save(50)  # of a job before it, whose training this one does not continue
    job = site.job()
    assert job.first() is None
    assert job.again() is None
    site.save(4)
    assert job.again() == f"{OUT}/checkpoint-4"
    site.save(8)
    (site.disks[0] / "checkpoint-8/global_step8/mp_rank_00_model_states.pt").write_bytes(b"")
    assert job.again() == f"{OUT}/checkpoint-4"
    # The next save of step 8 is cut off before it is new everywhere: a mixture of two saves.
    (site.disks[0] / "checkpoint-8/global_step8/mp_rank_00_model_states.pt").write_bytes(b"w")
    assert job.again() == f"{OUT}/checkpoint-4"
    site.save(8)
    assert job.again() == f"{OUT}/checkpoint-8"


def test_another_attempt_of_a_job_that_resumed(site: Site) -> None:
    site.save(4, 8)
    job = site.job(RESUMES)
    assert job.first() == f"{OUT}/checkpoint-8"
    shutil.rmtree(site.disks[1] / "checkpoint-8")
    assert job.again() == f"{OUT}/checkpoint-4", "of the same training"
    named = Needed("/w/old/checkpoint-6", own=True)
    other = site.job(replace(JOB, needed=(named,)))
    other.first()
    assert other.again() == named.path


def test_a_job_that_continues_another_one(site: Site) -> None:
    site.save(50)
    before = site.job()
    before.first()
    record = before.resumption()
    assert record.env == {} and record.hub and record.hub.token is None
    spec = JobSpec.from_json(record.to_json())
    with pytest.raises(UserError, match="has saved no checkpoint in /w/out"):
        site.job(spec).first()
    site.save(4)
    after = site.job(spec)
    assert after.first() == f"{OUT}/checkpoint-4"
    assert after.resumption().continues is not None
    assert after.resumption().continues.before == record.continues.before  # type: ignore[union-attr]
    save(site.disks[0], 8, 0)
    assert after.again() == f"{OUT}/checkpoint-4"


def test_the_recipe_of_an_attempt(tmp_path: Path) -> None:
    recipe = RecipeText("a: 1\nresume_from_checkpoint: null\n", bare="a: 1\n")
    assert recipe_for(recipe, "/x", as_written=True) == recipe.yaml
    assert recipe_for(RecipeText("x"), "/x", as_written=False) == "x"
    path = '/数据 disk/a: "b" #c\\d/checkpoint-4'
    assert yaml.safe_load(recipe_for(recipe, path, as_written=False)) == {
        "a": 1,
        "resume_from_checkpoint": path,
        "overwrite_output_dir": False,
    }
    fresh = yaml.safe_load(recipe_for(recipe, None, as_written=False))
    assert fresh == {"a": 1, "overwrite_output_dir": True}


def test_the_step_of_a_checkpoint() -> None:
    assert [step_of(path) for path in ("/o/checkpoint-12", "/o/last", None)] == [12, 0, 0]
