"""A recipe in the making: the rules write to it, and it keeps the record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from dsk.errors import UserError
from dsk.recipe.model import Change, Recipe, Site, TrainFile
from dsk.recipe.parse import Parsed
from dsk.text import Text


class Draft:
    """Values under change. A rule may alter one only through `set`, which asks for the reason."""

    def __init__(self, parsed: Parsed, source: TrainFile, site: Site) -> None:
        self.site = site
        self.folder: PurePosixPath = source.path.parent
        self.file = source.name
        self._values = dict(parsed.values)
        self._places = parsed.places
        self._texts = parsed.texts
        self._overridden = parsed.overridden
        self._changes: list[Change] = []
        self._notices: list[Text] = []
        self._unchecked: list[Text] = []
        self._inputs: list[str] = []
        self._repos: dict[str, str] = {}
        self._looked: dict[str, tuple[str, ...]] = {}
        self._data_folder = ""
        self._online: list[Text] = []

    @property
    def values(self) -> Mapping[str, object]:
        return self._values

    def get(self, key: str) -> object:
        """The value; None where absent or null, which LLaMA-Factory treats alike in most keys."""
        return self._values.get(key)

    def text_of(self, key: str) -> str | None:
        """The value as the user wrote it; None where that is no single value."""
        return self._texts.get(key)

    def given_on_command_line(self, key: str) -> bool:
        return key in self._overridden

    def set(self, key: str, value: object, reason: Text) -> None:
        before = self._values.get(key)
        if value != before or type(value) is not type(before):
            self._changes.append(Change(key, before, value, reason))
            self._values[key] = value

    def notice(self, line: Text) -> None:
        self._notices.append(line)

    def leave_unchecked(self, line: Text) -> None:
        self._unchecked.append(line)

    def need(self, path: str) -> None:
        """Every node must have this workspace path."""
        if path not in self._inputs:
            self._inputs.append(path)

    def download(self, repo: str, folder: str = "") -> None:
        """The job takes a hub's repository; "" is the hub's own cache."""
        self._repos[repo] = folder

    def found_no_folder(self, name: str, places: tuple[str, ...]) -> None:
        """The name is taken for a hub's, since none of these paths exists on the master."""
        self._looked[name] = places

    def read_datasets_in(self, folder: str) -> None:
        """The ranks look the data sets up in that folder's dataset_info.json."""
        self._data_folder = folder

    def ask_hub(self, reason: Text) -> None:
        """The ranks ask a hub themselves, whatever dsk has downloaded."""
        self._online.append(reason)

    def error(self, key: str, message: Text, *, fix: Text) -> UserError:
        """An error at the place where the user wrote the key."""
        text = Text("{key}: {message}").filled(key=key, message=message)
        return UserError(text, where=self._places.get(key, self.file), fix=fix)

    def finish(self) -> Recipe:
        if self._inputs and (self.site.exists is None or self._is_spread()):
            text = Text("whether every node has {paths}")
            self.leave_unchecked(text.filled(paths=", ".join(self._inputs)))
        return Recipe(
            values=self._values,
            changes=tuple(self._changes),
            notices=tuple(self._notices),
            unchecked=tuple(self._unchecked),
            inputs=tuple(self._inputs),
            world_size=self.site.world_size,
            repos=self._repos,
            looked={repo: self._looked[repo] for repo in self._repos if repo in self._looked},
            data_folder=self._data_folder,
            online=tuple(self._online),
        )

    def _is_spread(self) -> bool:
        return self.site.nodes > 1 and self.site.shared_workspace is not True
