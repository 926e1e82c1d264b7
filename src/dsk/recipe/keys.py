"""The names that a stack's LLaMA-Factory knows: keys, DeepSpeed presets, shipped datasets."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dsk.errors import DskError
from dsk.recipe.model import KnownWrong
from dsk.text import Text, verbatim


@dataclass(frozen=True)
class KnownKeys:
    """Generated when the image is built, from LLaMA-Factory's argument classes (recipe-keys.json).

    `keys` maps a key to its type as written in the class, `presets` are file names in
    examples/deepspeed, `datasets` the names in the shipped data/dataset_info.json. `stack` and
    `revision` are the image's; images from before revision 2 do not name them. `wrong` are the
    settings that this image is known to train wrongly.
    """

    keys: Mapping[str, str]
    presets: tuple[str, ...]
    datasets: tuple[str, ...]
    stack: str = ""
    revision: int = 1
    wrong: tuple[KnownWrong, ...] = ()

    @classmethod
    def from_json(cls, text: str, *, where: str) -> KnownKeys:
        """Read a recipe-keys.json; `where` names it if it is broken."""
        try:
            data = json.loads(text)
            return cls(
                {str(name): str(kind) for name, kind in data["keys"].items()},
                tuple(map(str, data["presets"])),
                tuple(map(str, data["datasets"])),
                str(data.get("stack", "")),
                int(data.get("revision", 1)),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DskError(
                Text("the list of known keys cannot be read: {error!r}").filled(error=error),
                where=where,
                fix=Text("reinstall dsk"),
            ) from error


def or_meant(word: str, known: Iterable[str]) -> Text:
    """Appended to an error: the known word that the user most likely meant, if there is one."""
    for close in difflib.get_close_matches(word, list(known), n=1, cutoff=0.6):
        return Text("; did you mean '{close}'?").filled(close=close)
    return verbatim("")
