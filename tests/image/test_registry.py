"""`dsk-agent registry` with a stream that is not what was asked for; the lab pulls from one."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from dsk.wire.registry import Broken, Message, Opened, Ready, decode
from tests.image.engine import LIMIT_S, Image
from tests.tars import tar

LAYER = tar({"a": b"a" * 100_000})
DIFF_ID = f"sha256:{hashlib.sha256(LAYER).hexdigest()}"
CONFIG = json.dumps({"rootfs": {"diff_ids": [DIFF_ID]}}).encode()
MANIFEST = json.dumps([{"Config": "c.json", "Layers": ["1/layer.tar"]}]).encode()
SAVED = tar({"1/layer.tar": LAYER, "c.json": CONFIG, "manifest.json": MANIFEST})


def serve(
    image: Image, folder: Path, stream: bytes, diff_id: str = DIFF_ID
) -> tuple[int, list[Message], str]:
    """With the options of fleet/sync/registry.py that matter here, until it has the image."""
    (folder / "image").write_bytes(stream)
    options = ["--network", "none", "--read-only", "--cap-drop", "ALL"]
    options += ["--tmpfs", "/run/dsk-registry:mode=0700", "--volume", "/var/lib/dsk-registry"]
    options += ["--volume", f"{folder}:/image:ro", "--entrypoint", "dsk-agent"]
    command = ["registry", "--image", "/image/image", "--host", "127.0.0.1"]
    command += ["--repository", "dsk-sync/test", "--platform", "linux/amd64", diff_id]
    with subprocess.Popen(
        ["docker", "run", "--rm", "--interactive", *options, image.reference, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout and process.stderr
        messages = []
        for line in process.stdout:
            messages.append(decode(line))
            if isinstance(messages[-1], Ready):
                process.stdin.close()
        return process.wait(LIMIT_S), messages, process.stderr.read()


def test_it_opens_and_ends_with_its_input(image: Image, tmp_path: Path) -> None:
    code, (opened, ready), errors = serve(image, tmp_path, SAVED)
    assert code == 0 and "BEGIN" not in errors
    assert isinstance(opened, Opened) and opened.address.startswith("127.0.0.1:")
    assert "BEGIN CERTIFICATE" in opened.ca and "PRIVATE KEY" in opened.key
    assert isinstance(ready, Ready) and ready.whole and ready.layers == 1
    (size,) = ready.blobs.values()
    assert 0 < size < len(LAYER) / 10


@pytest.mark.parametrize(
    ("stream", "diff_id", "cause"),
    [
        (SAVED[: len(SAVED) // 2], DIFF_ID, "broke off"),
        (b"", DIFF_ID, "broke off"),
        (SAVED, "sha256:0", "another image"),
        (tar({"a": b"b"}), DIFF_ID, "no image"),
    ],
)
def test_a_stream_that_is_none(
    image: Image, tmp_path: Path, stream: bytes, diff_id: str, cause: str
) -> None:
    code, messages, errors = serve(image, tmp_path, stream, diff_id)
    assert code == 1 and "Traceback" not in errors
    assert isinstance(messages[-1], Broken) and cause in messages[-1].cause
    assert not any(isinstance(message, Ready) for message in messages)
