"""What `save: auto` changes in a recipe."""

from __future__ import annotations

from dsk.recipe.draft import Draft
from dsk.text import Text

KEPT = 2
"""Checkpoints, where the user does not say how many: one may be cut off by a failure."""


def fit_to_save_auto(draft: Draft) -> None:
    """Leave saving to dsk where train.yaml does not say when to save.

    What it does say stays: dsk then saves between the user's own saves where these are too far
    apart, and never less often than they ask.
    """
    if not draft.site.save_auto or not draft.get("do_train"):
        return
    if draft.get("stage") == "ppo":
        draft.notice(
            Text("save: auto has no effect: PPO saves by save_steps alone"),
        )
    elif draft.get("save_strategy") is not None or draft.get("save_steps") is not None:
        draft.notice(
            Text(
                "save: auto saves in addition to what save_strategy and save_steps ask for; delete "
                "these keys to leave it to save: auto alone"
            )
        )
    elif draft.get("load_best_model_at_end"):
        draft.notice(
            Text(
                "save: auto saves in addition to the saves that load_best_model_at_end needs at "
                "every evaluation"
            )
        )
    else:
        draft.set(
            "save_strategy",
            "no",
            Text("save: auto saves by the time that a save takes and the failures to be expected"),
        )
        if draft.get("save_total_limit") is None:
            draft.set(
                "save_total_limit",
                KEPT,
                Text("save: auto keeps the newest checkpoints; save_total_limit sets how many"),
            )
