"""The model's own config against train.yaml's template and cutoff."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from dsk.checks.facts import Facts, JobFacts
from dsk.checks.model import Finding
from dsk.text import Text

DEFAULT_CUTOFF = 2048
"""LLaMA-Factory's own (DataArguments.cutoff_len)."""


def judge(facts: Facts) -> Iterator[Finding]:
    job = facts.job
    if job is None or job.problem:
        return
    found = [*_template(job), *_cutoff(job)]
    yield from found
    if not found:
        text = Text("template and cutoff fit the model", "模板和截断长度与模型相符")
        yield Finding("template", "ok", text)


def _template(job: JobFacts) -> Iterator[Finding]:
    name = job.values.get("template")
    if not job.templates or not isinstance(name, str) or name in job.templates:
        return
    close = difflib.get_close_matches(name, job.templates, n=1, cutoff=0.5)
    text = Text(
        "the image's LLaMA-Factory has no template {name!r}",
        "镜像里的 LLaMA-Factory 没有模板 {name!r}",
    ).filled(name=name)
    fix = (
        Text("write template: {close}", "改为 template: {close}").filled(close=close[0])
        if close
        else Text("choose one of LLaMA-Factory's templates", "选择 LLaMA-Factory 已有的模板")
    )
    yield Finding("template", "failed", text, None, None, name, close[0] if close else "", fix)


def _cutoff(job: JobFacts) -> Iterator[Finding]:
    window = job.config.get("max_position_embeddings")
    cutoff = job.values.get("cutoff_len", DEFAULT_CUTOFF)
    if not isinstance(window, int) or not isinstance(cutoff, int) or cutoff <= window:
        return
    if job.values.get("rope_scaling"):
        return
    text = Text(
        "cutoff_len is {cutoff}, but the model was made for {window} positions "
        "(max_position_embeddings): what is behind is learned badly",
        "cutoff_len 是 {cutoff}，但模型只支持 {window} 个位置（max_position_embeddings），"
        "超出的部分学不好",
    ).filled(cutoff=cutoff, window=window)
    fix = Text(
        "write cutoff_len: {window}, or a rope_scaling",
        "写 cutoff_len: {window}，或设置 rope_scaling",
    ).filled(window=window)
    yield Finding("template", "warning", text, None, None, str(cutoff), str(window), fix)
