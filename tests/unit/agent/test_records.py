"""Files of Python packages against their RECORD."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from dsk.agent import records
from dsk.agent.records import CHANGED, FOREIGN, MISSING, altered


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """One package of four files, as an installer leaves it."""
    site = tmp_path / "lib/python3.11/site-packages"
    rows = []
    for name in ("one/a.py", "one/tests/t.py", "one/lib/x.so", "../../../bin/one"):
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        sha256 = hashlib.sha256(name.encode()).digest()
        encoded = base64.urlsafe_b64encode(sha256).decode().rstrip("=")
        rows.append(f"{name},sha256={encoded},{len(name)}")
    record = site / "one-1.0.dist-info/RECORD"
    record.parent.mkdir()
    record.write_text("\n".join([*rows, "one-1.0.dist-info/RECORD,,"]))
    return site


def found(site: Path) -> dict[str, str]:
    venv = site.parents[2]
    return {
        str(Path(path).relative_to(venv)): wrong for path, wrong in altered(venv, "none").items()
    }


def test_as_installed(site: Path) -> None:
    (site / "one/__pycache__").mkdir()
    (site / "one/__pycache__/a.cpython-311.pyc").write_text("compiled")
    (site / "one/notes.txt").write_text("harmless")
    assert found(site) == {}


def test_each_change_is_named(site: Path) -> None:
    (site / "one/a.py").write_text("edited by hand")
    (site / "one/lib/x.so").unlink()
    (site / "sneaked_in.pth").write_text("import os")
    (site.parents[2] / "bin/one").write_text("edited too")
    below = "lib/python3.11/site-packages"
    assert found(site) == {
        f"{below}/one/a.py": CHANGED,
        f"{below}/one/lib/x.so": MISSING,
        f"{below}/sneaked_in.pth": FOREIGN,
        "bin/one": CHANGED,
    }


def test_what_the_build_trims_is_no_fault(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_trimmed", lambda stack: ["one/**/tests", "one/lib/*.so"])
    (site / "one/tests/t.py").unlink()
    (site / "one/lib/x.so").write_text("stripped")
    assert found(site) == {}


def test_the_globs_are_those_of_the_stacks_own_list() -> None:
    patterns = records._trimmed("cu128")
    assert "triton/_C/libproton.so" in patterns
    assert not any("#" in pattern for pattern in patterns)
    assert records._trimmed("none") == []
