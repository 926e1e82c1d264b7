"""Every download of the image and of the development environment is locked by its hash."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON_LOCKS = sorted([*ROOT.glob("stacks/*/*.txt"), *ROOT.glob("requirements/*.txt")])
NOT_LOCKS = {"overrides.txt", "trim.txt", "warm-modules.txt", "warm-variables.txt"}
MADE = {"accelerator.txt", "torch.txt", "requirements.txt", "build.txt", "sources.txt"}
LINE = re.compile(r"(?P<name>[\w.-]+)==\S+( ; [^\\]+)?(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)")


def logical_lines(text: str) -> list[str]:
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize(
    "lock",
    [lock for lock in PYTHON_LOCKS if lock.name not in NOT_LOCKS],
    ids=lambda lock: str(lock.relative_to(ROOT)),
)
def test_every_line_pins_a_version_and_its_files(lock: Path) -> None:
    for line in logical_lines(lock.read_text()):
        assert LINE.fullmatch(line.strip()), f"{lock}: {line[:100]}"


@pytest.mark.parametrize(
    "stack", sorted(path.parent.name for path in ROOT.glob("stacks/*/stack.env"))
)
def test_a_stack_has_every_lock(stack: str) -> None:
    assert {path.name for path in (ROOT / "stacks" / stack).iterdir()} >= MADE


def test_the_layers_locks_are_parts_of_the_whole_one() -> None:
    """So that comparing an image with one of them is comparing it with all."""
    for whole in ROOT.glob("stacks/*/requirements.txt"):
        lines = set(logical_lines(whole.read_text()))
        for part in ("accelerator.txt", "torch.txt"):
            assert set(logical_lines((whole.parent / part).read_text())) <= lines, whole.parent


def test_every_npm_package_has_its_hash() -> None:
    lock = json.loads((ROOT / "requirements/npm/package-lock.json").read_text())
    assert lock["lockfileVersion"] >= 2
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    for name, entry in packages.items():
        kind, _, encoded = entry["integrity"].partition("-")
        assert kind == "sha512" and len(base64.b64decode(encoded)) == 64, name


def test_whatever_is_installed_is_asked_for_its_hash() -> None:
    """Each call of an installer in the build either takes a lock with hashes or only files that
    the build itself made. Debian's packages are checked by apt with the archive's signature, and
    their versions written down."""
    joined = re.sub(r"\s*\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    for call in re.findall(r"(?:pip|uv pip) (?:install|download|wheel) [^&]*", joined):
        own = "--no-index" in call or "--no-deps --no-build-isolation -w /wheels ." in call
        assert own or "--require-hashes" in call, call
    assert "--require-hashes" in (ROOT / "scripts/image/install-layer").read_text()
    assert ">/etc/dsk/debian-packages" in joined
    assert (
        "debootstrap --variant=minbase --force-check-gpg" in (ROOT / "scripts/base.sh").read_text()
    )
    assert not re.search(r"\b(curl|wget|git clone|ADD http)", joined)
