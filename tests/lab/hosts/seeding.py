"""Images for the nodes: by hard links where possible, else `docker save | docker load`."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hosts import store
from hosts.command import LabError, run


def full_name(image: str) -> str:
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


def machine_images(images: Sequence[str]) -> dict[str, str]:
    """Image ids by full name, from the machine's own engine.

    Raises:
        LabError: the engine lacks one.
    """
    ids = {}
    for image in images:
        try:
            found = run(["docker", "image", "inspect", "--format", "{{.Id}}", image])
        except LabError as error:
            raise LabError(f"image {image} is not in this machine's engine: {error}") from error
        ids[full_name(image)] = found.strip()
    return ids


def machine_image_ids() -> set[str]:
    return set(run(["docker", "image", "ls", "--all", "--quiet", "--no-trunc"]).split())


def by_hard_links(images: dict[str, str], targets: Sequence[Path]) -> bool:
    """Seed stores of engines that do not run.

    The machine's engine goes on running. Its folder is bind-mounted over itself, which hard links
    cannot leave; in a mount namespace of our own that mount is taken off.

    Returns:
        False where the machine's engine keeps its layers in another way or file system.
    """
    info = json.loads(run(["docker", "info", "--format", "{{json .}}"]))
    if info["Driver"] != "overlay2" or not Path(info["DockerRootDir"], "image/overlay2").is_dir():
        return False
    words = [f"{name}={image}" for name, image in images.items()]
    private = [*store.ENDS_WITH_PARENT, "unshare", "--mount", "--propagation", "private"]
    program = [sys.executable, "-I", store.__file__, info["DockerRootDir"], *words, "--"]
    done = subprocess.run(
        [*private, *program, *map(str, targets)], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, store.OTHER_FILE_SYSTEM):
        raise LabError(f"could not seed {', '.join(images)}:\n{done.stderr.strip()}")
    return done.returncode == 0


def by_stream(images: dict[str, str], load: Sequence[str]) -> None:
    """Seed one running engine; `load` is the argv of its `docker load`."""
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as save:
        done = subprocess.run(load, stdin=save.stdout, capture_output=True, text=True, check=False)
    if save.returncode or done.returncode:
        raise LabError(f"docker save | docker load of {', '.join(images)}: {done.stderr.strip()}")
