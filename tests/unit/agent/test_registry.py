"""A `docker save` stream in the shapes that engines give it, and the groups that layers make."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import pytest

from dsk.agent.registry import archive, draft, link
from dsk.agent.registry.fill import GROUP_BYTES, group_ends
from tests.tars import tar

CONFIG = b'{"rootfs": {"diff_ids": []}}'


LAYER = tar({"etc/a": b"a" * 2000})
EMPTY = bytes(1024)


def saved(layers: Mapping[str, bytes], config: str = "abc.json") -> bytes:
    manifest = json.dumps([{"Config": config, "Layers": list(layers)}]).encode()
    return tar({**layers, config: CONFIG, "manifest.json": manifest})


def read(stream: BinaryIO) -> list[bytes]:
    layers: list[bytes] = []
    assert (
        archive.read(
            stream, lambda layer: layers.append(b"".join(iter(lambda: layer.read(700), b"")))
        )
        == CONFIG
    )
    return layers


def test_layers_of_older_and_newer_engines() -> None:
    old = saved({"1/layer.tar": LAYER, "2/layer.tar": EMPTY})
    assert read(io.BytesIO(old)) == [LAYER, EMPTY]
    new = saved({"blobs/sha256/1": gzip.compress(LAYER), "blobs/sha256/2": LAYER}, "blobs/sha256/3")
    assert read(io.BytesIO(new)) == [LAYER, LAYER]


def test_it_does_not_wait_for_what_follows_the_archive() -> None:
    end, begin = os.pipe()
    with os.fdopen(begin, "wb") as writer, os.fdopen(end, "rb", buffering=0) as reader:
        # As Go's writer ends an archive, without padding to a record.
        data = saved({"1/layer.tar": LAYER}).rstrip(b"\0")
        writer.write(data + bytes(-len(data) % 512 + 1024))
        writer.flush()
        assert read(reader) == [LAYER]


def test_a_stream_that_breaks_off_or_is_something_else() -> None:
    whole = saved({"1/layer.tar": LAYER})
    with pytest.raises(tarfile.TarError):
        read(io.BytesIO(whole[:1200]))
    with pytest.raises(tarfile.TarError):
        read(io.BytesIO(b""))
    with pytest.raises(ValueError, match="no image"):
        read(io.BytesIO(tar({"a": b"b"})))
    with pytest.raises(ValueError, match="zstd"):
        read(io.BytesIO(saved({"blobs/sha256/1": b"\x28\xb5\x2f\xfd" + bytes(600)})))


def test_groups() -> None:
    big, small = GROUP_BYTES, GROUP_BYTES // 4
    assert group_ends([]) == []
    assert group_ends([small, small]) == []
    assert group_ends([small, big, big, small]) == [2, 3]
    assert group_ends([big, small, small, small, small, small], start=1) == [5]


def test_a_layer_as_it_is(tmp_path: Path) -> None:
    digest = hashlib.sha256(LAYER).hexdigest()
    assert draft.plain(io.BytesIO(LAYER), tmp_path / "plain") == (digest, digest)
    assert (tmp_path / "plain").read_bytes() == LAYER


def test_a_network_of_unknown_speed_is_not_fast() -> None:
    assert not link.is_fast("127.0.0.1")
    assert not link.is_fast("192.0.2.1"), "an address of nobody here"


@pytest.mark.parametrize(
    ("stands_on", "says", "speed"),
    [
        ("device", "25000", 25000),
        ("lower_eth0", "20000", 20000),
        ("device", "-1", -1),
        ("device", None, 0),
        (None, "10000", 0),
    ],
    ids=["card", "bond", "virtio", "link down", "veth"],
)
def test_speed(tmp_path: Path, stands_on: str | None, says: str | None, speed: int) -> None:
    if stands_on:
        (tmp_path / stands_on).mkdir()
    if says:
        (tmp_path / "speed").write_text(f"{says}\n")
    assert link.speed_mbit_s(tmp_path) == speed
