"""The `deepspeed` key: LLaMA-Factory's shipped configurations by short name, or the user's own."""

from __future__ import annotations

import posixpath

from dsk.recipe.draft import Draft
from dsk.recipe.keys import KnownKeys, or_meant
from dsk.recipe.paths import beside, input_path, inside, path_text
from dsk.text import Text

_SHIPPED = "examples/deepspeed"


def resolve_deepspeed(draft: Draft, known: KnownKeys) -> None:
    """`z3` or examples/deepspeed/ds_z3_config.json become the JSON in the image.

    transformers takes a mapping or JSON text as well (`deepspeed: dict | str | None`): both pass.
    A file of that name beside train.yaml is the user's own and comes first.
    """
    value = draft.get("deepspeed")
    if value is None or value is False:
        draft.notice(
            Text(
                "deepspeed: not set, so plain data parallel: every rank holds the complete model"
                " and its optimizer (deepspeed=z2 or deepspeed=z3 split them between the ranks)"
            )
        )
        return
    if isinstance(value, dict) or (isinstance(value, str) and value.lstrip().startswith("{")):
        return
    text = path_text(draft, "deepspeed")
    if text is None:
        return
    shipped = _shipped_name(text, known)
    if shipped is not None and beside(draft, text) is None:
        path = posixpath.join(draft.site.shipped_dir, _SHIPPED, shipped)
        reason = Text("LLaMA-Factory's own configuration, shipped in the image")
        draft.set("deepspeed", path, reason)
        return
    _refuse_unknown_preset(draft, text, known)
    _offer_preset(draft, text, known)
    path, reason = input_path(draft, "deepspeed", text)
    draft.set("deepspeed", path, reason)


def short_names(known: KnownKeys) -> dict[str, str]:
    """`z2_offload` to ds_z2_offload_config.json, for every preset of the stack."""
    return {short_name(name): name for name in known.presets}


def short_name(path: str) -> str:
    """`z2_offload` of ds_z2_offload_config.json, in whatever folder."""
    return posixpath.basename(path).removeprefix("ds_").removesuffix("_config.json")


def _shipped_name(text: str, known: KnownKeys) -> str | None:
    if text in (names := short_names(known)):
        return names[text]
    folder, name = posixpath.split(posixpath.normpath(text))
    return name if folder == _SHIPPED and name in known.presets else None


def _offer_preset(draft: Draft, text: str, known: KnownKeys) -> None:
    """LLaMA-Factory's own file somewhere outside the workspace: the image has it."""
    folder, name = posixpath.split(posixpath.normpath(text))
    short = next((each for each, file in short_names(known).items() if file == name), None)
    outside = posixpath.isabs(text) and not inside(text, draft.site.workspace)
    if short and outside and not inside(text, draft.site.shipped_dir) and folder.endswith(_SHIPPED):
        raise draft.error(
            "deepspeed",
            Text(
                "'{text}' is outside the workspace {workspace}, the only folder that the workers "
                "see; LLaMA-Factory's own {name} is in the image"
            ).filled(text=text, workspace=draft.site.workspace, name=name),
            fix=Text("write deepspeed: {short}").filled(short=short),
        )


def _refuse_unknown_preset(draft: Draft, text: str, known: KnownKeys) -> None:
    """A misspelt preset should not be reported as a missing file."""
    folder, name = posixpath.split(posixpath.normpath(text))
    is_word = "/" not in text and not text.endswith(".json")
    if (folder == _SHIPPED or is_word) and beside(draft, text) is None:
        names = sorted(short_names(known))
        meant = or_meant(text, names) if is_word else or_meant(name, known.presets)
        raise draft.error(
            "deepspeed",
            Text("'{text}' is not one of LLaMA-Factory's configurations{meant}").filled(
                text=text, meant=meant
            ),
            fix=Text("write one of {names}, or the path of your own JSON").filled(
                names=", ".join(names)
            ),
        )
