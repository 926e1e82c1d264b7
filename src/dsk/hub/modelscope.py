"""A repository of ModelScope, in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dsk.errors import DskError, Unreachable, UserError
from dsk.hub.choose import chosen, left_out
from dsk.hub.disk import check_room, disk_error, size_of, watched
from dsk.text import Text
from dsk.wire.hub import Fetch, Ready, Word

COMPLETE = ".dsk-complete"
"""In the folder once everything has arrived, with the revision: what a download that was cut off
left has none."""


def fetch(wanted: Fetch, tell: Callable[[Word], None]) -> Ready:
    """Downloads what the folder lacks, or nothing where an earlier download ended well.

    Raises UserError (no such repository, no access), Unreachable, or JobFailed (disk full).
    """
    folder = Path(wanted.folder)
    done = folder / COMPLETE
    if done.is_file() and done.read_text() == wanted.revision:
        return Ready((str(folder),), 0)
    # What it says is no longer true as soon as a file of another revision arrives.
    if not wanted.look_only:
        done.unlink(missing_ok=True)
    try:
        downloaded = _download(wanted, folder, tell)
    except Exception as error:
        raise _meaning(error, wanted) from error
    if wanted.look_only:
        return Ready((), downloaded)
    done.write_text(wanted.revision)
    return Ready((str(folder),), downloaded)


def _download(wanted: Fetch, folder: Path, tell: Callable[[Word], None]) -> int:
    from modelscope import snapshot_download
    from modelscope.hub.api import HubApi

    # As LLaMA-Factory does (extras/misc.py): its revision "main" is ModelScope's "master".
    revision = "master" if wanted.revision == "main" else wanted.revision
    api = HubApi()
    if wanted.token:
        api.login(wanted.token)
    found = api.get_model_files(wanted.repo, revision=revision, recursive=True)
    files = {file["Path"]: int(file["Size"] or 0) for file in found if file.get("Type") != "tree"}
    total = sum(files[name] for name in chosen(files))
    before = size_of(folder)
    check_room(folder, max(0, total - before))
    if wanted.look_only:
        return max(0, total - before)
    with watched(folder, total, tell):
        snapshot_download(
            wanted.repo,
            revision=revision,
            local_dir=str(folder),
            ignore_file_pattern=left_out(files),
        )
    return max(0, size_of(folder) - before)


def _meaning(error: Exception, wanted: Fetch) -> DskError:
    if isinstance(error, DskError):
        return error
    if refused := disk_error(error):
        return refused
    first = str(error).strip().partition("\n")[0]
    text = f"{type(error).__name__}: {first[:200]}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403, 404) or "NotExist" in text:
        return UserError(
            Text("ModelScope has no repository {repo} that may be read ({error})").filled(
                repo=wanted.repo, error=text
            ),
            fix=Text("correct the name; for a private repository write ms_hub_token in train.yaml"),
        )
    return Unreachable(
        Text("ModelScope cannot be used: {error}").filled(error=text),
        fix=Text("check that the master reaches it"),
    )
