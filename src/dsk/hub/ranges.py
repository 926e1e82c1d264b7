"""Large files of the Hugging Face hub by byte ranges, so that a stopped download goes on.

Read in huggingface_hub 0.36 and 1.33: the newer one begins a file again, and with hf_xet both do.
Their http_get asks for ranges and retries; it is used here.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dsk.digest import sha256
from dsk.errors import Unreachable
from dsk.text import Text

AT_ONCE = 8
"""As huggingface_hub's snapshot_download."""
LARGE = 10_000_000
"""Bytes from which the hub keeps a file outside git, under its SHA-256; less is soon there."""
LARGEST = 50_000_000_000
"""Bytes above which the hub gives a file to hf_xet alone (MAX_HTTP_DOWNLOAD_SIZE)."""


@dataclass(frozen=True)
class LargeFile:
    """`sha256` in hex is also its name in the cache's blobs; `size` in bytes."""

    name: str
    sha256: str
    size: int

    def partial(self, blobs: Path) -> Path:
        return blobs / f"{self.sha256}.dsk-partial"

    def arrived(self, blobs: Path) -> int:
        """Bytes of it that an earlier download left."""
        partial = self.partial(blobs)
        return partial.stat().st_size if partial.is_file() else 0


def download(
    files: Collection[LargeFile], blobs: Path, repo: str, commit: str, token: str | None
) -> None:
    """Brings `files` of `repo` at `commit` into `blobs`, side by side. What the hub refuses here is
    left to snapshot_download, which words it.

    Raises Unreachable where a file is not what the hub says it is.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    blobs.mkdir(parents=True, exist_ok=True)
    headers = build_hf_headers(token=token)
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        asked = [
            pool.submit(
                _complete, file, blobs, hf_hub_url(repo, file.name, revision=commit), headers
            )
            for file in files
        ]
        for future in asked:
            future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _complete(file: LargeFile, blobs: Path, url: str, headers: dict[str, str]) -> None:
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get

    partial, whole = file.partial(blobs), blobs / file.sha256
    with partial.open("ab") as out:
        try:
            fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another download of this cache is at it
        # The second time from its first byte: what was left here may have been damaged.
        for _ in range(2):
            if (begin := out.tell()) > file.size:
                begin = out.truncate(out.seek(0))
            try:
                http_get(url, out, resume_size=begin, headers=headers, expected_size=file.size)
            except HfHubHTTPError:
                return
            out.flush()
            os.fsync(out.fileno())
            if sha256(partial).hex() == file.sha256:
                partial.rename(whole)
                return
            out.truncate(out.seek(0))
    raise Unreachable(
        Text("{file} arrives with another SHA-256 than the hub names").filled(file=file.name),
        fix=Text("launch again; a mirror (HF_ENDPOINT under env in dsk.yaml) may be damaged"),
    )
