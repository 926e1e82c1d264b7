"""What the job is to do at all."""

from __future__ import annotations

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
                Text("is missing: do_train needs one", "缺失：do_train 需要它"),
                fix=Text("write dataset: NAME[,NAME...]", "请写 dataset: NAME[,NAME...]"),
            )
        return
    if draft.get("do_eval") is True or draft.get("do_predict") is True:
        draft.notice("do_train: not true, so the job evaluates or predicts and trains nothing")
        return
    raise draft.error(
        "do_train",
        Text(
            "is not true, so LLaMA-Factory would load the model and end without training",
            "不是 true，LLaMA-Factory 会加载模型后不训练就结束",
        ),
        fix=Text("write do_train: true", "请写 do_train: true"),
    )


def fit_to_accelerator(draft: Draft) -> None:
    """Add use_cpu to bf16 on CPU, which transformers refuses without it."""
    if draft.site.accelerator == "cpu" and draft.get("use_cpu") is None:
        for key in ("bf16", "bf16_full_eval"):
            if draft.get(key) is True:
                draft.set("use_cpu", True, f"the cluster trains on CPU, where {key} needs it")
