"""A DeepSpeed configuration of the user's own, judged before the start.

As transformers' HfTrainerDeepSpeedConfig does it after the start: "auto" takes the value of
train.yaml, anything else must be equal to it.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from dsk.errors import UserError
from dsk.recipe.batch import Batch
from dsk.recipe.draft import Draft
from dsk.recipe.paths import inside
from dsk.text import Text

AUTO = "auto"

# Key here, key of train.yaml, and what transformers' TrainingArguments take where that is absent.
_SAME = (
    ("gradient_clipping", "max_grad_norm", 1.0),
    ("optimizer.params.lr", "learning_rate", 5e-5),
    ("optimizer.params.eps", "adam_epsilon", 1e-8),
    ("optimizer.params.weight_decay", "weight_decay", 0.0),
    ("scheduler.params.warmup_max_lr", "learning_rate", 5e-5),
)
_BATCH = ("train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "train_batch_size")
_NUMBERS = (*_BATCH, "zero_optimization.stage", *(key for key, _, _ in _SAME))
_SWITCHES = ("fp16.enabled", "bf16.enabled")
_MAPPINGS = ("zero_optimization", "optimizer", "scheduler", "fp16", "bf16")
_STAGES = range(4)


def judge_deepspeed(draft: Draft) -> Mapping[str, Any] | None:
    """The user's own configuration; None where there is none, or it cannot be read from here.

    Raises UserError for one that the ranks would refuse.
    """
    value = draft.get("deepspeed")
    if not value:
        return None
    name, text = "deepspeed", str(value)
    if isinstance(value, Mapping):
        config: Mapping[str, Any] = value
    elif text.lstrip().startswith("{"):
        config = _parse(draft, text, None)
    elif inside(text, draft.site.shipped_dir):
        return None
    else:
        content = draft.site.read(text) if draft.site.read is not None else None
        if content is None:
            draft.leave_unchecked(Text("deepspeed: what {file} says").filled(file=text))
            return None
        name, config = posixpath.basename(text), _parse(draft, content, text)
    _Judge(draft, name, config).run()
    return config


def _parse(draft: Draft, text: str, path: str | None) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        line = (text.splitlines() or [""])[min(error.lineno, len(text.splitlines()) or 1) - 1]
        said = Text("deepspeed: is not JSON: {said} (line {line}, column {column})").filled(
            said=error.msg, line=error.lineno, column=error.colno
        )
        fix = (
            Text("delete the comment: JSON has none")
            if re.search(r"//|/\*|#", line)
            else Text("correct that line")
        )
        if path is None:
            raise draft.error("deepspeed", said, fix=fix) from error
        raise UserError(said, where=f"{path}:{error.lineno}", fix=fix) from error
    if isinstance(found, dict):
        return found
    said = Text("{name} holds no keys and values")
    raise draft.error(
        "deepspeed",
        said.filled(name=path or "it"),
        fix=Text("start from one of LLaMA-Factory's"),
    )


class _Judge:
    """`name` is how messages call the configuration."""

    def __init__(self, draft: Draft, name: str, config: Mapping[str, Any]) -> None:
        self._draft = draft
        self._name = name
        self._config = config

    def run(self) -> None:
        for key in _MAPPINGS:
            if not isinstance(self._config.get(key), (Mapping, type(None))):
                raise self._error(key, Text("a mapping"))
        for key in _NUMBERS:
            value = self._get(key)
            if isinstance(value, str) and value != AUTO:
                raise self._error(key, Text("a number, without quotes"))
        for key in _SWITCHES:
            value = self._get(key)
            if isinstance(value, str) and value != AUTO:
                raise self._error(key, Text("true or false, without quotes"))
        stage = self._get("zero_optimization.stage")
        if stage is not None and stage not in _STAGES:
            raise self._error("zero_optimization.stage", Text("0, 1, 2 or 3"))
        for key, wanted, source in self._expected():
            found = self._get(key)
            if found is not None and found not in (AUTO, wanted):
                raise self._contradicts(key, found, wanted, source)

    def _expected(self) -> Iterator[tuple[str, object, str]]:
        """Key here, the value that train.yaml gives it, and from which of its keys."""
        draft = self._draft
        values = draft.values
        batch = Batch.of(values, draft.site.world_size)
        if batch and not values.get("auto_find_batch_size"):
            yield _BATCH[0], batch.micro, "per_device_train_batch_size"
            source = "per_device_train_batch_size x gradient_accumulation_steps x ranks"
            yield _BATCH[2], batch.effective, source
        if batch:
            yield _BATCH[1], batch.accumulation, "gradient_accumulation_steps"
        for key, name, default in _SAME:
            given = values.get(name)
            yield key, default if given is None else given, name
        for kind in ("fp16", "bf16"):
            full_eval = f"{kind}_full_eval"
            wanted = bool(values.get(kind) or values.get(full_eval))
            yield f"{kind}.enabled", wanted, f"{kind} or {full_eval}"

    def _get(self, key: str) -> object:
        found: object = self._config
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found

    def _error(self, key: str, expected: Text) -> UserError:
        text = Text("in {name}, {key} is {found!r}; {expected} is expected").filled(
            name=self._name, key=key, found=self._get(key), expected=expected
        )
        return self._draft.error("deepspeed", text, fix=Text('correct it, or write "auto"'))

    def _contradicts(self, key: str, found: object, wanted: object, source: str) -> UserError:
        text = Text("in {name}, {key} is {found}; train.yaml makes it {wanted} ({source})").filled(
            name=self._name,
            key=key,
            found=json.dumps(found),
            wanted=json.dumps(wanted),
            source=source,
        )
        fix = Text('write "{key}": "auto" there, as LLaMA-Factory\'s own configurations do').filled(
            key=key.rpartition(".")[2]
        )
        return self._draft.error("deepspeed", text, fix=fix)
