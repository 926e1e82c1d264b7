"""Paths in a recipe. Every rank reads the same one, so each path must be absolute and on all nodes.

LLaMA-Factory takes relative paths from the folder in which a rank happens to run, inside a
container that is thrown away. Here what is written goes into the workspace; what is read lies
beside train.yaml (if that is in the workspace) or in the workspace.
"""

from __future__ import annotations

import posixpath
import re

from dsk.errors import UserError
from dsk.recipe.draft import Draft
from dsk.text import Text

# Written by the job. tokenized_path and cache_dir are read again by later ones.
OUTPUTS = (
    "output_dir",
    "logging_dir",
    "profiler_output_dir",
    "swanlab_logdir",
    "export_dir",
    "offload_folder",
    "cache_dir",
    "tokenized_path",
)

# Read by the job. fsdp_config and accelerator_config may also be mappings or JSON text.
INPUTS = (
    "media_dir",
    "resume_from_checkpoint",
    "new_special_tokens_config",
    "hyper_parallel_args",
    "kt_weight_path",
    "kt_expert_checkpoint_path",
    "fsdp_config",
    "accelerator_config",
)

BESIDE = Text("it is in the folder of {file}; ranks run in another folder")
_IN_WORKSPACE = Text("relative paths start in the workspace")
_UNCHANGED = Text("absolute")
"""Never shown: the path stays as it is."""

_UNEXPANDED = re.compile(r"^~|\$\{|\$[A-Za-z_]")


def resolve_outputs(draft: Draft) -> None:
    """Put what the job writes into the workspace; give a missing output_dir a name of its own."""
    if draft.get("output_dir") is None:
        stem = posixpath.splitext(posixpath.basename(draft.file))[0]
        draft.set(
            "output_dir",
            posixpath.join(draft.site.workspace, "saves", stem),
            Text("not set: LLaMA-Factory would write to trainer_output inside the container"),
        )
    for key in OUTPUTS:
        if (text := path_text(draft, key)) is not None:
            draft.set(key, _output(draft, key, text), _IN_WORKSPACE)


def resolve_inputs(draft: Draft) -> None:
    """Make what the job reads absolute."""
    for key in INPUTS:
        if isinstance(draft.get(key), (dict, bool)):
            continue
        text = path_text(draft, key)
        if text is not None and not text.startswith("{"):
            path, reason = input_path(draft, key, text)
            draft.set(key, path, reason)


def path_text(draft: Draft, key: str) -> str | None:
    """The value of a path key; None where it is not set. Raises UserError if it is no text."""
    value = draft.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise draft.error(
            key,
            Text("{value!r} is not a path").filled(value=value),
            fix=Text("write a path, in quotes if it is a number"),
        )
    refuse_unexpanded(draft, key, value)
    return value


def refuse_unexpanded(draft: Draft, key: str, value: str) -> None:
    """`~` and `$VAR` stay as they are in LLaMA-Factory, or differ from node to node."""
    if _UNEXPANDED.search(value):
        raise draft.error(
            key,
            Text("'{value}': neither ~ nor $ is expanded the same way on all nodes").filled(
                value=value
            ),
            fix=Text("write the path in full, under {workspace}").filled(
                workspace=draft.site.workspace
            ),
        )


def inside(path: str, folder: str) -> bool:
    """Whether an absolute path lies in the folder, `..` taken into account."""
    root = posixpath.normpath(folder)
    return posixpath.normpath(path) == root or posixpath.normpath(path).startswith(
        root.rstrip("/") + "/"
    )


def outside_error(draft: Draft, key: str, path: str) -> UserError:
    """An absolute path that the nodes do not share."""
    workspace = draft.site.workspace
    name = posixpath.basename(posixpath.normpath(path))
    return draft.error(
        key,
        Text(
            "'{path}' is outside the workspace {workspace}, the only folder that the workers see"
        ).filled(path=path, workspace=workspace),
        fix=Text(
            "move it, for example: mv {path} {to} (a symlink that leads out of the workspace leads "
            "nowhere inside the workers)"
        ).filled(path=path, to=posixpath.join(workspace, name)),
    )


def _leads_out(draft: Draft, key: str, value: str) -> UserError:
    """A relative path that climbs out of the workspace, named as it was written."""
    folder = posixpath.basename(posixpath.normpath(value))
    return draft.error(
        key,
        Text(
            "'{value}' is not inside the workspace {workspace}, the only folder that the workers "
            "see (looked for beside {file}, at {beside}, and from the workspace)"
        ).filled(
            value=value,
            workspace=draft.site.workspace,
            file=draft.file,
            beside=posixpath.normpath(posixpath.join(draft.folder.as_posix(), value)),
        ),
        fix=Text("copy the folder into the workspace and write {key}: {folder}").filled(
            key=key, folder=folder
        ),
    )


def absolute_input(draft: Draft, key: str, path: str) -> str:
    """Check an absolute path that the job reads, and note that every node needs it."""
    site = draft.site
    if inside(path, site.shipped_dir):
        return path
    if not inside(path, site.workspace):
        raise outside_error(draft, key, path)
    if site.exists is not None and not site.exists(posixpath.normpath(path)):
        raise draft.error(
            key,
            Text("'{path}' does not exist").filled(path=path),
            fix=Text("correct the path, or copy the files there"),
        )
    draft.need(posixpath.normpath(path))
    return path


def beside(draft: Draft, value: str) -> str | None:
    """The absolute path of a relative value that exists beside train.yaml, inside the workspace."""
    path, exists = place_beside(draft, value), draft.site.exists
    return path if path is not None and exists is not None and exists(path) else None


def place_beside(draft: Draft, value: str) -> str | None:
    """The absolute path that a relative value has beside train.yaml, if inside the workspace."""
    path = posixpath.normpath(posixpath.join(draft.folder.as_posix(), value))
    return path if inside(path, draft.site.workspace) else None


def input_path(draft: Draft, key: str, value: str) -> tuple[str, Text]:
    """An absolute path for what the job reads, and the reason to show."""
    if posixpath.isabs(value):
        return absolute_input(draft, key, value), _UNCHANGED
    if (neighbour := beside(draft, value)) is not None:
        draft.need(neighbour)
        return neighbour, BESIDE.filled(file=draft.file)
    path = posixpath.normpath(posixpath.join(draft.site.workspace, value))
    if not inside(path, draft.site.workspace):
        raise _leads_out(draft, key, value)
    if draft.site.exists is not None and not draft.site.exists(path):
        raise draft.error(
            key,
            Text(
                "'{value}' is neither beside {file} inside the workspace ({beside}) nor in the "
                "workspace ({path})"
            ).filled(
                value=value,
                file=draft.file,
                beside=posixpath.normpath(draft.folder / value),
                path=path,
            ),
            fix=Text("copy it to {path}, or write its absolute path").filled(path=path),
        )
    draft.need(path)
    return path, _IN_WORKSPACE


def _output(draft: Draft, key: str, value: str) -> str:
    if posixpath.isabs(value):
        if not inside(value, draft.site.workspace):
            raise draft.error(
                key,
                Text(
                    "'{value}' is outside the workspace {workspace}: it would be lost with the "
                    "container"
                ).filled(value=value, workspace=draft.site.workspace),
                fix=Text(
                    "write a relative path ({key}: saves/run1) or one under the workspace"
                ).filled(key=key),
            )
        return value
    path = posixpath.normpath(posixpath.join(draft.site.workspace, value))
    if not inside(path, draft.site.workspace):
        raise draft.error(
            key,
            Text("'{value}' leads out of the workspace {workspace}").filled(
                value=value, workspace=draft.site.workspace
            ),
            fix=Text("write a path without '..' ({key}: saves/run1)").filled(key=key),
        )
    return path
