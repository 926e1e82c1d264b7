"""`dataset_dir` and the names of data sets in it."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping

from dsk.recipe.commas import split_commas
from dsk.recipe.draft import Draft
from dsk.recipe.keys import KnownKeys, or_meant
from dsk.recipe.paths import BESIDE, absolute_input, beside, input_path, path_text
from dsk.text import Text, verbatim

INFO = "dataset_info.json"
NAME_KEYS = ("dataset", "eval_dataset")

# What LLaMA-Factory's default, and many of its users, write: the folder of its own tree.
_UPSTREAM_DEFAULT = "data"

_NAMES_SHIPPED = Text("all data sets are shipped ones: shipped data is used")
_NAMES_NOT_SHIPPED = Text("some data sets are not shipped ones: the workspace data is used")
_OWN_EXISTS = Text("{file} exists: the workspace data is used")
_OWN_IS_MISSING = Text("{file} does not exist: shipped data is used")

# Keys of a description that lead to a hub (data/parser.py). Anything else is a file in dataset_dir.
_OF_A_HUB = ("hf_hub_url", "ms_hub_url", "om_hub_url", "cloud_file_name")

# What load_from_disk of the library datasets looks for.
_TOKENIZED = ("dataset_dict.json", "state.json")


def resolve_datasets(draft: Draft, known: KnownKeys) -> None:
    """Choose the folder, then check the names as far as it can be seen into."""
    if _is_tokenized(draft):
        return
    value = draft.get("dataset_dir")
    if isinstance(value, dict):  # upstream takes the content of a dataset_info.json in its place
        _check_names(draft, {str(name) for name in value}, verbatim("dataset_dir"))
        _check_inline(draft, value)
        draft.ask_hub(Text("dataset_dir describes data sets of a hub"))
        return
    if isinstance(value, str) and (value == "ONLINE" or value.startswith("REMOTE:")):
        text = Text("dataset: whether the hub has it (dataset_dir: {value})")
        draft.leave_unchecked(text.filled(value=value))
        draft.ask_hub(Text("dataset_dir is {value}").filled(value=value))
        return
    shipped = posixpath.join(draft.site.shipped_dir, "data")
    folder = _folder(draft, known, shipped)
    draft.read_datasets_in(folder)
    if folder == shipped:
        if draft.get("tokenized_path") is None or draft.site.exists is not None:
            _check_names(
                draft, known.datasets, Text("LLaMA-Factory's shipped {info}").filled(info=INFO)
            )
    elif names := _names(draft):
        line = Text("dataset: whether {names} are in {file}")
        draft.leave_unchecked(line.filled(names=", ".join(names), file=f"{folder}/{INFO}"))


def _is_tokenized(draft: Draft) -> bool:
    """Whether the ranks load `tokenized_path`: LLaMA-Factory then reads no raw data (get_dataset in
    data/loader.py). Every node needs the folder, or some tokenize while others wait."""
    if (text := path_text(draft, "tokenized_path")) is None:
        return False
    path = posixpath.normpath(posixpath.join(draft.site.workspace, text))
    if draft.site.exists is None:
        line = Text("tokenized_path: whether {path} exists; if so, no raw data is read")
        draft.leave_unchecked(line.filled(path=path))
        return False
    if not any(draft.site.exists(posixpath.join(path, name)) for name in _TOKENIZED):
        return False
    draft.need(path)
    notice = Text("tokenized_path: {path} exists, so its data is used, and no raw data is read")
    draft.notice(notice.filled(path=path))
    return True


def _check_inline(draft: Draft, descriptions: Mapping[str, object]) -> None:
    for name in _names(draft):
        description = descriptions[name]
        if not isinstance(description, dict) or not any(key in _OF_A_HUB for key in description):
            raise draft.error(
                "dataset_dir",
                Text(
                    "'{name}' is a file, and LLaMA-Factory reads files only where dataset_dir is a"
                    " folder"
                ).filled(name=name),
                fix=Text(
                    "write the description into a {info} and its folder as dataset_dir"
                ).filled(info=INFO),
            )


def _folder(draft: Draft, known: KnownKeys, shipped: str) -> str:
    text = path_text(draft, "dataset_dir")
    if text is not None and posixpath.normpath(text) != _UPSTREAM_DEFAULT:
        if posixpath.isabs(text):
            return posixpath.normpath(absolute_input(draft, "dataset_dir", text))
        path, reason = input_path(draft, "dataset_dir", text)
        draft.set("dataset_dir", path, reason)
        return path
    if text is not None and (neighbour := beside(draft, posixpath.join(text, INFO))) is not None:
        path = posixpath.dirname(neighbour)
        draft.need(path)
        draft.set("dataset_dir", path, BESIDE.filled(file=draft.file))
        return path
    return _default_folder(draft, known, shipped)


def _default_folder(draft: Draft, known: KnownKeys, shipped: str) -> str:
    """The workspace's own data if it is set up for LLaMA-Factory, else what the image ships."""
    own = posixpath.join(draft.site.workspace, _UPSTREAM_DEFAULT)
    own_info = posixpath.join(own, INFO)
    if draft.site.exists is None:
        # A name that is not shipped can only be in the workspace.
        use_own = not set(_names(draft)) <= set(known.datasets)
        reason = _NAMES_NOT_SHIPPED if use_own else _NAMES_SHIPPED
        line = Text("dataset_dir: whether {file} exists; if so, launch uses {folder}")
        draft.leave_unchecked(line.filled(file=own_info, folder=own))
    else:
        use_own = draft.site.exists(own_info)
        reason = _OWN_EXISTS if use_own else _OWN_IS_MISSING
    chosen = own if use_own else shipped
    if use_own:
        draft.need(own_info)
    draft.set("dataset_dir", chosen, reason.filled(file=own_info))
    return chosen


def _names(draft: Draft) -> list[str]:
    return [name for key in NAME_KEYS for name in split_commas(draft.get(key))]


def _check_names(draft: Draft, known: Collection[str], holder: Text) -> None:
    for key in NAME_KEYS:
        for name in split_commas(draft.get(key)):
            if name not in known:
                own = posixpath.join(draft.site.workspace, "data")
                raise draft.error(
                    key,
                    Text("'{name}' is not in {holder}{meant}").filled(
                        name=name, holder=holder, meant=or_meant(name, known)
                    ),
                    fix=Text(
                        "correct the name, or describe your data in {own}/{info} and write "
                        "dataset_dir: {own}"
                    ).filled(own=own, info=INFO),
                )
