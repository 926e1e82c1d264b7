"""What a stack's lock says that the image must hold. Reads dsk's own files, contacts nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from dsk import DISTRIBUTION, __version__, variables

# Built from their patched sources, and so not in requirements.txt: name to variable of stack.env.
FROM_SOURCE = {
    "deepspeed": "DEEPSPEED_VERSION",
    "llamafactory": "LLAMAFACTORY_VERSION",
}
LOCKS = ("accelerator.txt", "torch.txt", "requirements.txt")
"""What is installed into the image; build.txt is what built it."""
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Lock:
    """`python`: version by normalized package name, dsk itself among them."""

    stack: str
    python: Mapping[str, str]


def known_stacks() -> list[str]:
    """Those that this dsk was built with."""
    folder = files("dsk.assets") / "stacks"
    return sorted(path.name for path in folder.iterdir() if (path / "stack.env").is_file())


def locked(stack: str) -> Lock | None:
    """None for a stack that this dsk does not know."""
    if stack not in known_stacks():
        return None
    folder = files("dsk.assets") / "stacks" / stack
    settings = variables.parse((folder / "stack.env").read_text(encoding="utf-8"))
    python = {name: settings[variable] for name, variable in FROM_SOURCE.items()}
    for lock in LOCKS:
        python |= pinned((folder / lock).read_text(encoding="utf-8"))
    return Lock(stack, {**python, DISTRIBUTION: __version__})


def pinned(text: str) -> dict[str, str]:
    """Version by normalized name of a requirements file's `name==version` lines."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in PINNED.findall(text)}


def is_version(installed: str, wanted: str) -> bool:
    """As pip compares: a local part (`+cu128`) counts only where it is asked for (PEP 440)."""
    return installed == wanted or ("+" not in wanted and installed.partition("+")[0] == wanted)
