"""Models and adapters: a path in the workspace, or the name of a repository on a hub."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import quote

from dsk.recipe.commas import split_commas
from dsk.recipe.draft import Draft
from dsk.recipe.paths import absolute_input, beside, inside, path_text, place_beside
from dsk.text import Text

# generation_config: transformers takes a path or the name of a model (training_args_seq2seq.py).
SINGLE = ("model_name_or_path", "ref_model", "reward_model", "generation_config")
# Several, separated by commas: ModelArguments splits them, also for the ref and reward models.
SEVERAL = ("adapter_name_or_path", "ref_model_adapters", "reward_model_adapters")

# What LLaMA-Factory takes from ModelScope (try_download_model_from_other_hub in extras/misc.py).
ON_MODELSCOPE = ("model_name_or_path", "ref_model", "reward_model")

_REASON = Text("made absolute: ranks run in another folder")
_FROM_MODELSCOPE = Text(
    "dsk downloads it to that folder once; LLaMA-Factory would download it on every rank"
)

# LLaMA-Factory's default, and what it makes of it for ModelScope.
_DEFAULT_REVISIONS = ("main", "master")

_HUB_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]*/)?\w[\w.-]*", re.ASCII)
_HUB_ID_LENGTH = 96


def is_hub_id(value: str) -> bool:
    """Whether a hub may have a repository of that name: huggingface_hub's validate_repo_id. Few are
    without an owner (gpt2), and ModelScope has none of them."""
    return (
        len(value) <= _HUB_ID_LENGTH
        and _HUB_ID.fullmatch(value) is not None
        and not any(bad in value for bad in ("--", "..", "/."))
        and not value.endswith((".git", "-", "."))
    )


def resolve_weights(draft: Draft) -> None:
    """Make paths absolute and leave hub names as they are. What exists is a path, as LLaMA-Factory
    has it. Anything that is neither is an error that names both readings."""
    if draft.get("model_name_or_path") is None:
        raise draft.error(
            "model_name_or_path",
            Text("is missing: there is nothing to train"),
            fix=Text("write model_name_or_path: {path} or a hub name (OWNER/NAME)").filled(
                path=posixpath.join(draft.site.workspace, "models/NAME")
            ),
        )
    for key in SINGLE:
        if key == "reward_model" and draft.get("reward_model_type") == "api":
            continue  # a URL
        if isinstance(draft.get(key), dict):
            continue
        if (text := path_text(draft, key)) is not None:
            value = _one(draft, key, text)
            from_hub = value == text and not posixpath.isabs(value)
            draft.set(key, value, _REASON)
            if from_hub and draft.site.modelscope and key in ON_MODELSCOPE:
                folder = posixpath.join(draft.site.modelscope, _with_revision(draft, value))
                draft.download(value, folder)
                draft.set(key, folder, _FROM_MODELSCOPE)
            elif from_hub and not draft.site.modelscope:
                draft.download(value)
    for key in SEVERAL:
        if (text := path_text(draft, key)) is not None:
            parts = [_one(draft, key, part) for part in split_commas(text)]
            if parts != list(split_commas(text)):
                draft.set(key, ",".join(parts), _REASON)
            for part in parts:
                if not posixpath.isabs(part) and not draft.site.modelscope:
                    draft.download(part)


def _with_revision(draft: Draft, repo: str) -> str:
    """The name of the folder. A revision has its own, like a snapshot in the other hub's cache:
    files of two in one folder would be trained as one model."""
    revision = str(draft.get("model_revision") or "main")
    # No repository has an @ in its name, and no folder may have a / in its.
    return repo if revision in _DEFAULT_REVISIONS else f"{repo}@{quote(revision, safe='')}"


def _one(draft: Draft, key: str, value: str) -> str:
    site = draft.site
    if posixpath.isabs(value):
        return absolute_input(draft, key, value)
    if (neighbour := beside(draft, value)) is not None:
        draft.need(neighbour)
        return neighbour
    in_workspace = posixpath.normpath(posixpath.join(site.workspace, value))
    may_exist = inside(in_workspace, site.workspace) and "://" not in value
    if may_exist and site.exists is not None and site.exists(in_workspace):
        draft.need(in_workspace)
        return in_workspace
    if is_hub_id(value) and ("/" in value or not (site.modelscope and key in ON_MODELSCOPE)):
        if site.exists is not None:
            places = (place_beside(draft, value), in_workspace)
            draft.found_no_folder(value, tuple(dict.fromkeys(filter(None, places))))
        line = (
            Text("{key}: whether the master can download '{name}' from the hub")
            if site.exists is not None
            else Text(
                "{key}: whether {folder} exists, and is used; if not, whether the master can "
                "download '{name}' from the hub"
            )
        )
        draft.leave_unchecked(line.filled(key=key, name=value, folder=in_workspace))
        return value
    # No hub has such a name, so it can only be a path: most often the output_dir of an earlier job.
    if may_exist and site.exists is None:
        draft.need(in_workspace)
        return in_workspace
    raise draft.error(
        key,
        Text(
            "'{value}' is neither a path that exists beside {file} or in the workspace {workspace} "
            "nor a hub name (OWNER/NAME)"
        ).filled(value=value, file=draft.file, workspace=site.workspace),
        fix=Text(
            "write its absolute path under {workspace}, or the hub name with its owner"
        ).filled(workspace=site.workspace),
    )
