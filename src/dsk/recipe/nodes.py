"""Settings that are right on one machine and wrong on several."""

from __future__ import annotations

from dsk.recipe.draft import Draft
from dsk.recipe.keys import KnownKeys
from dsk.text import Text

# Long enough for the slowest sane collective (a first preprocessing pass), short enough that a job
# with a dead rank ends. LLaMA-Factory's examples say 180000000 s, so theirs hang for ever.
MAX_DDP_TIMEOUT_S = 7200

_NOT_SHARED = Text("the nodes do not share the workspace, and each needs its own part to resume")
_NOT_KNOWN_AS_SHARED = Text(
    "no shared workspace is known, and each node needs its own part to resume"
)


def limit_timeout(draft: Draft) -> None:
    """Let a hang end, unless the user asked for more on the command line."""
    timeout = draft.get("ddp_timeout")
    if (
        isinstance(timeout, (int, float))
        and timeout > MAX_DDP_TIMEOUT_S
        and not draft.given_on_command_line("ddp_timeout")
    ):
        draft.set(
            "ddp_timeout",
            MAX_DDP_TIMEOUT_S,
            Text(
                "seconds until a hang ends; ddp_timeout={timeout} on the command line keeps yours"
            ).filled(timeout=timeout),
        )


def fit_to_data_parallel(draft: Draft, known: KnownKeys) -> None:
    """Let OFT and reward models train on several ranks without DeepSpeed.

    LLaMA-Factory checkpoints activations with reentrant autograd, under which DDP must not look for
    unused parameters ("mark a variable ready only once", seen in the image). transformers lets DDP
    look for them where the model is no PreTrainedModel of its own, unless
    `ddp_find_unused_parameters` says otherwise, which LLaMA-Factory (get_train_args) sets to false
    for LoRA alone. OFT uses all that it trains. A reward model does not use its output layer, so
    DDP has to look, and autograd must not be reentrant. Neither changes what is computed.
    """
    if (
        draft.site.world_size == 1
        or draft.get("deepspeed")
        or draft.get("fsdp")
        or draft.get("disable_gradient_checkpointing")
        or draft.get("ddp_find_unused_parameters") is not None
        or draft.get("use_reentrant_gc") is False
    ):
        return
    finetuning = draft.get("finetuning_type")
    if finetuning == "oft":
        draft.set(
            "ddp_find_unused_parameters",
            False,
            Text("OFT fails on several ranks without DeepSpeed otherwise; LoRA has it by default"),
        )
    elif (
        draft.get("stage") == "rm"
        and finetuning in ("full", "freeze")
        and "use_reentrant_gc" in known.keys
    ):
        draft.set(
            "use_reentrant_gc",
            False,
            Text("a fully trained reward model fails on several ranks without DeepSpeed otherwise"),
        )


def fit_to_disks(draft: Draft) -> None:
    """Save and preprocess per node where each node has a disk of its own.

    Without `save_on_each_node`, transformers saves on global rank 0 only, and DeepSpeed makes the
    checkpoint folder there only (engine.save_checkpoint): other nodes have nowhere to put their
    shards, and no node can resume. With it, local rank 0 of every node saves
    (TrainingArguments.should_save), DeepSpeed uses node-local storage, and LLaMA-Factory saves
    `tokenized_path` on every node. On a shared disk it would make the nodes write, and rotate, the
    same files at once. So unknown counts as not shared, and is said, unless the user's
    `data_shared_file_system: true` tells otherwise; the weights are the same either way.

    With `data_shared_file_system: true` on disks that are not shared, global rank 0 alone
    preprocesses first and all ranks of the other nodes then race each other: false is right.
    """
    if draft.site.nodes == 1:
        return
    shared = draft.site.shared_workspace
    if shared is None and draft.get("data_shared_file_system") is True:
        shared = True
    if shared:
        _save_once(draft)
    else:
        _save_on_each_node(draft, known=shared is not None)
        if shared is False and draft.get("data_shared_file_system") is True:
            _set_unless_overridden(
                draft,
                "data_shared_file_system",
                False,
                Text("the nodes do not share the workspace, so each preprocesses for itself"),
            )


def _save_once(draft: Draft) -> None:
    if draft.get("save_on_each_node") is True:
        _set_unless_overridden(
            draft,
            "save_on_each_node",
            False,
            Text("the nodes share the workspace and would write the same files at once"),
        )


def _save_on_each_node(draft: Draft, *, known: bool) -> None:
    if draft.get("save_on_each_node") is False:
        draft.notice(
            Text(
                "save_on_each_node: false, as you wrote, so the first node alone keeps complete"
                " checkpoints; on disks that are not shared such a job cannot resume, and with"
                " DeepSpeed it may fail at the first save"
            )
        )
    elif draft.get("save_on_each_node") is None:
        draft.set("save_on_each_node", True, _NOT_SHARED if known else _NOT_KNOWN_AS_SHARED)
    if not known:
        draft.leave_unchecked(
            Text(
                "save_on_each_node: whether the nodes share the workspace; if they do,"
                " write data_shared_file_system: true"
            )
        )


def _set_unless_overridden(draft: Draft, key: str, value: object, reason: Text) -> None:
    if draft.given_on_command_line(key):
        notice = Text("{key}: kept as given on the command line, though {reason}")
        draft.notice(notice.filled(key=key, reason=reason))
    else:
        draft.set(key, value, reason)
