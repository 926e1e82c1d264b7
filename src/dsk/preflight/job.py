"""What a job needs on the nodes, for `dsk check train.yaml`."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from dsk.checks.facts import GpuNeed, HubAnswer, JobFacts, StepNeed
from dsk.errors import UserError
from dsk.jobs.launch import RECIPE_KEYS
from dsk.jobs.planning import Plan, Request, plan
from dsk.jobs.stacks import keys_of_image, stack_for
from dsk.preflight.worker import Inside
from dsk.recipe import KnownKeys, Recipe, traffic
from dsk.recipe.memory import estimate_for
from dsk.recipe.shape import ModelShape, NoEstimate
from dsk.text import Text
from dsk.wire.checkpoints import SavedStep
from dsk.wire.hub import Fetch, or_a_folder
from dsk.wire.jobspec import JobSpec
from dsk.wire.reading import read
from dsk.wire.templates import read_text

HUB_LIMIT_S = 120.0
"""The agent itself gives up on a hub after 90 s."""

NO_CONFIG = Text("the model's config.json is not in the workspace yet")

Each = Callable[[Callable[[Inside], Any]], dict[int, Any]]


def job_facts(request: Request, master: Inside, each: Each, *, deep: bool) -> JobFacts:
    """`each` asks every worker. Raises DskError where the master's does not answer."""
    try:
        planned = plan(
            request,
            _keys(request, master),
            lambda path: bool(master.ask("exists", path=path)),
            lambda path: _read(master, path),
        )
    except UserError as error:
        return JobFacts(error.told, error.where or "", error.remedy)
    needed = [asdict(need) for need in planned.spec.needed]
    values = planned.recipe.values
    model = str(values["model_name_or_path"])
    known = master.ask("model", path=model)
    config = known["config"] if posixpath.isabs(model) else {}
    on_gpu = bool(request.cluster.devices.worker_devices)
    return JobFacts(
        values=values,
        repos=tuple(planned.recipe.repos),
        inputs=each(lambda worker: worker.inputs(needed, deep=deep)),
        config=config,
        weight_bytes=known["weights"] if posixpath.isabs(model) else 0,
        templates=tuple(known["templates"]),
        hub=_ask_hub(planned.spec, master),
        own=tuple(need.path for need in planned.spec.needed if need.own),
        output_dir=planned.spec.output_dir,
        saved=each(lambda worker: _saved(worker, planned)) if planned.spec.resumes else {},
        ranks=planned.spec.ranks,
        gpu=_gpu_need(planned.recipe, config) if on_gpu else None,
        step=_step_need(planned.recipe, config) if on_gpu else None,
    )


def _ask_hub(spec: JobSpec, master: Inside) -> dict[str, HubAnswer]:
    needs = spec.hub
    if needs is None:
        return {}
    answers: dict[str, HubAnswer] = {}
    for repo, folder in needs.repos.items():
        fetch = Fetch(needs.hub, repo, needs.revision, folder, needs.cache_dir, needs.token)
        raw = master.ask("hub", fetch=asdict(fetch), env=dict(spec.env), limit_s=HUB_LIMIT_S)
        if "problem" not in raw:
            answers[repo] = HubAnswer(raw["bytes"], _given(raw["note"]))
            continue
        looked = needs.looked.get(repo, ())
        several = len(spec.nodes) > 1
        problem, fix = or_a_folder(
            read_text(raw["problem"], "problem"),
            _given(raw["fix"]),
            looked,
            spec.workspace,
            push=several,
        )
        answers[repo] = HubAnswer(problem=problem, fix=fix)
    return answers


def _given(raw: Any) -> Text | None:
    """An older image's agent has a sentence, "" for none."""
    return read_text(raw, "the hub's answer") if raw else None


def _read(master: Inside, path: str) -> str | None:
    text = master.ask("read", path=path)
    return text if isinstance(text, str) else None


def _saved(worker: Inside, planned: Plan) -> tuple[SavedStep, ...]:
    raw = worker.ask("checkpoints", folder=planned.spec.output_dir)
    return tuple(read(SavedStep, each) for each in raw)


def _gpu_need(recipe: Recipe, config: Mapping[str, Any]) -> GpuNeed:
    if not config:
        return GpuNeed(problem=NO_CONFIG)
    try:
        shape = ModelShape.from_config(config)
        estimate = estimate_for(recipe.values, shape, world_size=recipe.world_size)
    except NoEstimate as error:
        return GpuNeed(problem=error.text)
    return GpuNeed(estimate.peak, estimate.when)


def _step_need(recipe: Recipe, config: Mapping[str, Any]) -> StepNeed:
    if not config:
        return StepNeed(problem=NO_CONFIG)
    values, ranks = recipe.values, recipe.world_size
    try:
        shape = ModelShape.from_config(config)
        own = traffic.step(values, shape, ranks)
        others = traffic.alternatives(values, shape, ranks)
    except NoEstimate as error:
        return StepNeed(problem=error.text)
    return StepNeed(
        own.sent,
        own.operations,
        {preset: (each.sent, each.peak) for preset, each in others.items()},
    )


def _keys(request: Request, master: Inside) -> KnownKeys:
    """Those of the LLaMA-Factory that will really run; without one, the stack's of that name."""
    text = master.ask("recipe_keys")
    image = request.cluster.image
    return keys_of_image(text, image, where=RECIPE_KEYS) if text else stack_for(image)[0].keys
