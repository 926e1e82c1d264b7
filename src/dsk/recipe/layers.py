"""Settings that must fit the number of the model's layers."""

from __future__ import annotations

import json
import posixpath

from dsk.recipe.draft import Draft
from dsk.text import Text

_LAYERS = ("num_hidden_layers", "num_layers", "n_layer")
"""Where a config.json has their number (model/adapter.py of LLaMA-Factory)."""
_TRAINED = 2
"""LLaMA-Factory's default of freeze_trainable_layers."""


def check_layers(draft: Draft) -> None:
    """LLaMA Pro trains every n-th layer: raises UserError where that does not come out even."""
    if not draft.get("use_llama_pro"):
        return
    given = draft.get("freeze_trainable_layers")
    trained = _TRAINED if given is None else given
    layers = _layers(draft)
    if layers is None:
        line = Text(
            "freeze_trainable_layers: whether the model's number of layers can be divided by "
            "{trained}"
        )
        draft.leave_unchecked(line.filled(trained=trained))
    elif isinstance(trained, int) and (trained == 0 or layers % trained):
        raise draft.error(
            "freeze_trainable_layers" if given is not None else "use_llama_pro",
            Text(
                "use_llama_pro trains {trained} of the model's {layers} layers, evenly spread:"
                " {layers} cannot be divided by {trained}"
            ).filled(trained=trained, layers=layers),
            fix=Text("write freeze_trainable_layers: {fitting}").filled(
                fitting=", ".join(
                    str(number) for number in range(1, layers + 1) if layers % number == 0
                )
            ),
        )


def _layers(draft: Draft) -> int | None:
    """None where the model's config.json cannot be read."""
    path = posixpath.join(str(draft.get("model_name_or_path")), "config.json")
    text = draft.site.read(path) if draft.site.read and posixpath.isabs(path) else None
    try:
        config = json.loads(text or "")
    except ValueError:
        return None
    counts = [config.get(key) for key in _LAYERS] if isinstance(config, dict) else []
    return next((count for count in counts if isinstance(count, int) and count > 0), None)
