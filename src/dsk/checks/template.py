"""The model's own config against train.yaml's template and cutoff."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from dsk.checks.facts import Facts, JobFacts
from dsk.checks.model import Check, Finding
from dsk.checks.templates import fits, others_for
from dsk.text import Text

DEFAULT_CUTOFF = 2048
"""LLaMA-Factory's own (DataArguments.cutoff_len)."""
_LOOKED_AT = Text("{template}; {cutoff}")


def judge(facts: Facts) -> Iterator[Finding]:
    job = facts.job
    if job is None or job.problem:
        return
    found = [*(_unknown(job) or _of_another_family(job)), *_cutoff(job)]
    yield from found
    looked_at_any = job.templates or job.config
    if not found and looked_at_any:
        yield Finding("template", "ok", _LOOKED_AT.filled(template=_name(job), cutoff=_length(job)))


def _name(job: JobFacts) -> Text:
    """What is known of the template."""
    name, kind = job.values.get("template"), job.config.get("model_type")
    values = {"name": name, "kind": kind}
    if not isinstance(name, str):
        return Text("no template is named")
    if fits(kind, name):
        return Text("{name} is a template of {kind} models").filled(**values)
    if not job.templates:
        return Text("whether there is a template {name} was not looked at").filled(**values)
    return Text(
        "the image has the template {name}; whether it fits the model is not known here"
    ).filled(**values)


def _length(job: JobFacts) -> Text:
    """What is known of the cutoff."""
    window, cutoff = _window(job), job.values.get("cutoff_len", DEFAULT_CUTOFF)
    if job.values.get("rope_scaling"):
        text = Text("cutoff_len {cutoff} with rope_scaling")
    elif window is None:
        text = Text("how many positions the model has is not known")
    else:
        text = Text("cutoff_len {cutoff} of {window} positions")
    return text.filled(cutoff=cutoff, window=window)


def _unknown(job: JobFacts) -> list[Finding]:
    name = job.values.get("template")
    if not job.templates or not isinstance(name, str) or name in job.templates:
        return []
    close = difflib.get_close_matches(name, job.templates, n=1, cutoff=0.5)
    text = Text("the image's LLaMA-Factory has no template {name!r}").filled(name=name)
    fix = (
        Text("write template: {close}").filled(close=close[0])
        if close
        else Text("choose one of LLaMA-Factory's templates")
    )
    return [Finding("template", "failed", text, None, None, name, close[0] if close else "", fix)]


def _of_another_family(job: JobFacts) -> list[Finding]:
    name, kind = job.values.get("template"), job.config.get("model_type")
    if not isinstance(name, str) or not (fitting := others_for(kind, name)):
        return []
    text = Text(
        "template {name} was made for other models than {kind}: this model has not learned "
        "the marks that it puts around turns"
    ).filled(name=name, kind=kind)
    fix = Text("write template: {fitting}").filled(fitting=" | ".join(fitting))
    return [Finding("template", "warning", text, None, None, name, ", ".join(fitting), fix)]


def _window(job: JobFacts) -> int | None:
    """Of a multimodal model, the language model's."""
    below = job.config.get("text_config")
    for config in (job.config, below if isinstance(below, dict) else {}):
        window = config.get("max_position_embeddings")
        if isinstance(window, int):
            return window
    return None


def _cutoff(job: JobFacts) -> Iterator[Finding]:
    window = _window(job)
    cutoff = job.values.get("cutoff_len", DEFAULT_CUTOFF)
    if window is None or not isinstance(cutoff, int) or cutoff <= window:
        return
    if job.values.get("rope_scaling"):
        return
    text = Text(
        "cutoff_len is {cutoff}, but the model was made for {window} positions "
        "(max_position_embeddings): tokens after that are learned badly"
    ).filled(cutoff=cutoff, window=window)
    fix = Text("write cutoff_len: {window}, or a rope_scaling").filled(window=window)
    yield Finding("template", "warning", text, None, None, str(cutoff), str(window), fix)


CHECK = Check("template", judge, ("job",), "inputs", each=False)
