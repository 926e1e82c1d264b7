"""A repository of the Hugging Face hub, or of a mirror that HF_ENDPOINT names, in its cache."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dsk.errors import DskError, Unreachable, UserError
from dsk.hub import ranges
from dsk.hub.choose import chosen, left_out
from dsk.hub.disk import check_room, disk_error, watched
from dsk.text import Text
from dsk.wire.hub import Fetch, Ready, Word

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

ANSWER_LIMIT_S = 15
WEIGHTS = (".safetensors", ".bin", ".pt")
CODE = "*.py"


class Offline(UserError):
    """HF_HUB_OFFLINE forbids to ask the hub."""


def fetch(wanted: Fetch, tell: Callable[[Word], None]) -> Ready:
    """Downloads what the cache lacks; a complete copy is enough where the hub does not answer or
    HF_HUB_OFFLINE is set.

    Raises UserError (no such repository, no access, offline), Unreachable, or JobFailed (disk
    full).
    """
    ready = _fetch(wanted, tell)
    if not wanted.remote_code or wanted.look_only:
        return ready
    for repo in repos_of_code(Path(ready.paths[0])) - {wanted.repo}:
        # transformers takes the code of another repository from its main branch.
        code = _fetch(replace(wanted, repo=repo, revision="main", code_only=True), tell)
        ready = replace(
            ready,
            paths=(*ready.paths, *code.paths),
            downloaded=ready.downloaded + code.downloaded,
            note=ready.note or code.note,
        )
    return ready


def repos_of_code(snapshot: Path) -> set[str]:
    """Repositories that a model names for its code: `auto_map` in one of its JSON files has values
    of the form OWNER/NAME--module.Class (transformers.dynamic_module_utils)."""
    repos = set()
    for path in snapshot.glob("*.json"):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue  # the ranks report it, if they read it
        auto_map = found.get("auto_map") if isinstance(found, dict) else None
        for value in auto_map.values() if isinstance(auto_map, dict) else [auto_map]:
            # AutoTokenizer has two classes: one of Python, one of Rust.
            for reference in value if isinstance(value, list) else [value]:
                repo, dashes, _ = str(reference).partition("--")
                repos |= {repo} if dashes else set()
    return repos


def _fetch(wanted: Fetch, tell: Callable[[Word], None]) -> Ready:
    from huggingface_hub import constants

    cache = Path(wanted.cache_dir or constants.HF_HUB_CACHE)
    folder = cache / f"models--{wanted.repo.replace('/', '--')}"
    try:
        return _download(wanted, cache, folder, tell)
    except Exception as error:
        refused = _meaning(error, wanted)
        unasked = isinstance(refused, Unreachable | Offline)
        if unasked and (snapshot := _whole_copy(wanted, cache, folder)):
            return Ready(_paths(folder, snapshot), 0, refused.told)
        raise refused from error


def _download(wanted: Fetch, cache: Path, folder: Path, tell: Callable[[Word], None]) -> Ready:
    from huggingface_hub import (
        HfApi,
        get_hf_file_metadata,
        hf_hub_url,
        snapshot_download,
        try_to_load_from_cache,
    )

    info = HfApi(token=wanted.token).model_info(
        wanted.repo, revision=wanted.revision, files_metadata=True, timeout=ANSWER_LIMIT_S
    )
    files = {file.rfilename: file for file in info.siblings or ()}
    missing = [
        files[name]
        for name in _chosen(wanted, files)
        if not isinstance(
            try_to_load_from_cache(wanted.repo, name, cache_dir=cache, revision=info.sha), str
        )
    ]
    blobs = folder / "blobs"
    large = [file for found in missing if (file := _large(found))]
    total = sum(file.size or 0 for file in missing) - sum(file.arrived(blobs) for file in large)
    check_room(folder, total)
    if wanted.look_only:
        if missing:
            # A gated repository names its files to everybody, and gives them to some.
            url = hf_hub_url(wanted.repo, missing[0].rfilename, revision=info.sha)
            get_hf_file_metadata(url, token=wanted.token, timeout=ANSWER_LIMIT_S)
        return Ready((), total)
    with watched(blobs, total, tell):
        ranges.download(large, blobs, wanted.repo, info.sha, wanted.token)
        snapshot = snapshot_download(
            wanted.repo,
            revision=wanted.revision,
            cache_dir=cache,
            token=wanted.token,
            **_patterns(wanted, files),
            etag_timeout=ANSWER_LIMIT_S,
        )
    for file in large:
        file.partial(blobs).unlink(missing_ok=True)
    return Ready(_paths(folder, Path(snapshot)), total)


def _chosen(wanted: Fetch, files: Collection[str]) -> list[str]:
    return [name for name in files if name.endswith(".py")] if wanted.code_only else chosen(files)


def _patterns(wanted: Fetch, files: Collection[str]) -> dict[str, list[str]]:
    """The same choice as arguments of snapshot_download."""
    return {"allow_patterns": [CODE]} if wanted.code_only else {"ignore_patterns": left_out(files)}


def _large(found: RepoSibling) -> ranges.LargeFile | None:
    size = found.size or 0
    if not found.lfs or not ranges.LARGE <= size <= ranges.LARGEST:
        return None
    return ranges.LargeFile(found.rfilename, found.lfs.sha256, size)


def _paths(folder: Path, snapshot: Path) -> tuple[str, ...]:
    """One snapshot, what it links to, and the cache's notes about it; no other revisions."""
    notes = [path for path in folder.iterdir() if path.name not in ("blobs", "snapshots")]
    links = [path for path in snapshot.rglob("*") if path.is_symlink()]
    blobs = {str(link.resolve()) for link in links}
    return (str(snapshot), *map(str, notes), *sorted(blobs))


def _whole_copy(wanted: Fetch, cache: Path, folder: Path) -> Path | None:
    """The snapshot in the cache if nothing of it is missing."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    ref = folder / "refs" / wanted.revision
    commit = ref.read_text().strip() if ref.is_file() else wanted.revision
    snapshot = folder / "snapshots" / commit
    names = {str(path.relative_to(snapshot)) for path in snapshot.rglob("*") if path.exists()}
    for index in [name for name in names if name.endswith(".index.json")]:
        shards = json.loads((snapshot / index).read_text())["weight_map"].values()
        if not names.issuperset(shards):
            return None
    try:
        # Newer versions keep the repository's listing and look at every file.
        snapshot_download(
            wanted.repo,
            revision=wanted.revision,
            cache_dir=cache,
            local_files_only=True,
            **_patterns(wanted, names),
        )
    except LocalEntryNotFoundError:
        return None
    if wanted.code_only:
        return snapshot if any(name.endswith(".py") for name in names) else None
    is_model = names & {"config.json", "adapter_config.json"}
    return snapshot if is_model and any(name.endswith(WEIGHTS) for name in names) else None


def _meaning(error: Exception, wanted: Fetch) -> DskError:
    from huggingface_hub import constants, get_token
    from huggingface_hub import errors as hub

    if isinstance(error, DskError):
        return error
    if isinstance(error, hub.GatedRepoError):
        return UserError(
            Text("{repo} is gated: its owner has to let you in").filled(repo=wanted.repo),
            fix=Text("accept its terms on the hub, then set HF_TOKEN under env in dsk.yaml"),
        )
    if isinstance(error, hub.RevisionNotFoundError):
        return UserError(
            Text("{repo} has no revision {revision}").filled(
                repo=wanted.repo, revision=wanted.revision
            ),
            fix=Text("correct model_revision"),
        )
    if isinstance(error, hub.RepositoryNotFoundError):
        text = Text("{hub} has no repository {repo} that may be read with no token")
        if wanted.token or get_token():
            text = Text("{hub} has no repository {repo} that may be read with this token")
        return UserError(
            text.filled(hub=constants.ENDPOINT, repo=wanted.repo),
            fix=Text(
                "correct the name (most are OWNER/NAME); for a private repository set HF_TOKEN"
                " under env in dsk.yaml"
            ),
        )
    return disk_error(error) or _not_asked(error, wanted)


def _not_asked(error: Exception, wanted: Fetch) -> Offline | Unreachable:
    """The hub was not asked, or gave no usable answer."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return Offline(
            Text("HF_HUB_OFFLINE is set, so {repo} cannot be downloaded").filled(repo=wanted.repo),
            fix=Text(
                "delete HF_HUB_OFFLINE under env in dsk.yaml where the master reaches the hub"
                " (docs/guide/air-gapped.md)"
            ),
        )
    last = str(error).strip().splitlines()[:1] or [""]
    return Unreachable(
        Text("{hub} cannot be used: {error}").filled(
            hub=constants.ENDPOINT, error=f"{type(error).__name__}: {last[0][:200]}"
        ),
        fix=Text(
            "check that the master reaches this address; HF_ENDPOINT under env in dsk.yaml names"
            " another"
        ),
    )
