"""What the job is to do at all."""

from __future__ import annotations

from dataclasses import dataclass

from dsk.recipe.draft import Draft
from dsk.text import Text


def check_task(draft: Draft) -> None:
    """Refuse a job that would load the model and end, and one without data.

    LLaMA-Factory trains only where `do_train` is true (its default is false). transformers turns
    `do_eval` on by itself where `eval_strategy` is set, so that a forgotten `do_train` evaluates.
    """
    if draft.get("do_train") is True:
        if draft.get("dataset") is None:
            raise draft.error(
                "dataset",
                Text("is missing: do_train needs one"),
                fix=Text("write dataset: NAME[,NAME...]"),
            )
        return
    if draft.get("do_eval") is True or draft.get("do_predict") is True:
        draft.notice(
            Text("do_train: not true, so the job evaluates or predicts and trains nothing")
        )
        return
    if (command := _other_command(draft)) is not None:
        raise draft.error(
            command.key,
            Text("this file is for llamafactory-cli {command}; `dsk launch` trains").filled(
                command=command.name
            ),
            fix=Text(
                "dsk exec --node 0 -- llamafactory-cli {command} {file}, with {file} in the "
                "workspace; to train with it, write do_train: true and a dataset"
            ).filled(command=command.name, file=draft.file),
        )
    raise draft.error(
        "do_train",
        Text("is not true, so LLaMA-Factory would load the model and end without training"),
        fix=Text("write do_train: true"),
    )


@dataclass(frozen=True)
class _Command:
    """A command of llamafactory-cli, and the key that shows it."""

    name: str
    key: str


def _other_command(draft: Draft) -> _Command | None:
    """What a file without a training in it is for, as in LLaMA-Factory's examples."""
    if draft.get("export_dir") is not None:
        return _Command("export", "export_dir")
    if draft.get("task") is not None:
        return _Command("eval", "task")
    if draft.get("dataset") is None and draft.get("output_dir") is None:
        for key in ("infer_backend", "template", "model_name_or_path"):
            if draft.get(key) is not None:
                return _Command("chat", key)
    return None


def fit_to_accelerator(draft: Draft) -> None:
    """Add use_cpu to bf16 on CPU, which transformers refuses without it."""
    if draft.site.accelerator == "cpu" and draft.get("use_cpu") is None:
        for key in ("bf16", "bf16_full_eval"):
            if draft.get(key) is True:
                reason = Text("the cluster trains on CPU, where {key} needs it")
                draft.set("use_cpu", True, reason.filled(key=key))
