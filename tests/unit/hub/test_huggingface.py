"""What the Hugging Face hub refuses, with a stand-in for its library."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dsk.errors import Unreachable, UserError
from dsk.hub.huggingface import fetch, repos_of_code
from dsk.wire.hub import Fetch
from tests.texts import en

ERRORS = (
    "GatedRepoError",
    "LocalEntryNotFoundError",
    "RevisionNotFoundError",
    "RepositoryNotFoundError",
)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A huggingface_hub whose hub knows no repository."""
    package = ModuleType("huggingface_hub")
    constants = ModuleType("huggingface_hub.constants")
    errors = ModuleType("huggingface_hub.errors")
    for name in ERRORS:
        errors.__dict__[name] = type(name, (Exception,), {})

    class Api:
        def __init__(self, *, token: str | None) -> None:
            pass

        def model_info(self, *_: object, **__: object) -> None:
            raise errors.__dict__["RepositoryNotFoundError"]

    constants.__dict__.update(ENDPOINT="https://hub.example", HF_HUB_OFFLINE=False)
    package.__dict__.update(
        constants=constants,
        errors=errors,
        HfApi=Api,
        get_token=lambda: None,
        get_hf_file_metadata=None,
        hf_hub_url=None,
        snapshot_download=None,
        try_to_load_from_cache=None,
    )
    for module in (package, constants, errors):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return package


@pytest.mark.parametrize(
    ("given", "of_the_environment", "says"),
    [(None, None, "no token"), ("hf_x", None, "this token"), (None, "hf_x", "this token")],
)
def test_a_repository_that_may_not_be_read(
    library: ModuleType,
    tmp_path: Path,
    given: str | None,
    of_the_environment: str | None,
    says: str,
) -> None:
    library.__dict__["get_token"] = lambda: of_the_environment
    with pytest.raises(UserError) as caught:
        fetch(Fetch("huggingface", "me/model", "main", "", str(tmp_path), given), print)
    assert caught.value.message == (
        f"https://hub.example has no repository me/model that may be read with {says}"
    )


class Refusing:
    """An Api that cannot connect, as also where HF_HUB_OFFLINE forbids it."""

    def __init__(self, *, token: str | None) -> None:
        pass

    def model_info(self, *_: object, **__: object) -> None:
        raise ConnectionError("Cannot reach https://hub.example: offline mode is enabled.")


@pytest.mark.parametrize("offline", [True, False])
def test_what_forbids_to_ask_the_hub_is_named(
    library: ModuleType, tmp_path: Path, *, offline: bool
) -> None:
    def nothing_there(*_: object, **__: object) -> None:
        raise library.__dict__["errors"].LocalEntryNotFoundError

    library.__dict__.update(HfApi=Refusing, snapshot_download=nothing_there)
    library.__dict__["constants"].HF_HUB_OFFLINE = offline
    with pytest.raises(UserError if offline else Unreachable) as caught:
        fetch(Fetch("huggingface", "me/model", "main", "", str(tmp_path), None), print)
    assert ("HF_HUB_OFFLINE" in caught.value.message) == offline
    assert ("delete HF_HUB_OFFLINE" in str(caught.value.fix)) == offline
    assert ("HF_ENDPOINT" in str(caught.value.fix)) != offline


def test_a_complete_copy_is_enough_offline(library: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "models--me--model"
    snapshot = folder / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (snapshot / name).touch()
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("c0ffee\n")
    library.__dict__.update(HfApi=Refusing, snapshot_download=lambda *_, **__: str(snapshot))
    library.__dict__["constants"].HF_HUB_OFFLINE = True
    ready = fetch(Fetch("huggingface", "me/model", "main", "", str(tmp_path), None), print)
    assert ready.downloaded == 0 and ready.paths[0] == str(snapshot)
    assert en(ready.note).startswith("HF_HUB_OFFLINE is set")


@pytest.mark.parametrize(
    ("auto_map", "repos"),
    [
        ({"AutoModel": "me/code--modeling.Model", "AutoConfig": "own.Config"}, {"me/code"}),
        ({"AutoTokenizer": ["me/slow--t.Slow", "me/fast--t.Fast"]}, {"me/slow", "me/fast"}),
        ({"AutoTokenizer": ["t.Slow", None]}, set()),
        (["me/old--t.Slow", None], {"me/old"}),
        (None, set()),
    ],
)
def test_the_repositories_that_a_model_takes_code_from(
    tmp_path: Path, auto_map: object, repos: set[str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": auto_map}))
    (tmp_path / "vocab.json").write_text("[1]")
    (tmp_path / "broken.json").write_text("{")
    assert repos_of_code(tmp_path) == repos
