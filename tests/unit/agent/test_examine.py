"""The answers of `dsk.agent.examine`, from real files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

import dsk
from dsk.agent.examine import inputs, model
from dsk.agent.examine.room import FORGOTTEN_S, Room
from dsk.text import Text

MIB = 1 << 20


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def need(path: Path, *names: str) -> dict[str, object]:
    return {"path": str(path), "names": list(names)}


def test_data_sets_with_their_listing(tmp_path: Path) -> None:
    info = {"a": {"file_name": "a.json"}, "b": {"file_name": "b"}, "hub": {"hf_hub_url": "x/y"}}
    listing = write(tmp_path / "dataset_info.json", json.dumps(info).encode())
    one = write(tmp_path / "a.json", b"1")
    two = write(tmp_path / "b/part.json", b"2")
    write(tmp_path / "other.json", b"not asked for")
    found = inputs.examine([need(tmp_path, "a", "b", "hub")], deep=False)
    assert found["missing"] == []
    assert set(found["files"]) == {str(listing), str(one), str(two)}


def test_what_is_missing_is_said_and_the_rest_is_there(tmp_path: Path) -> None:
    weights = write(tmp_path / "model/model.safetensors", b"w")
    found = inputs.examine([need(tmp_path / "model"), need(tmp_path / "gone")], deep=False)
    [absent] = found["missing"]
    assert Text.from_raw(absent).in_language("zh") == f"{tmp_path}/gone 不存在"
    assert set(found["files"]) == {str(weights)}


def test_large_files_are_sampled_and_read_whole_when_deep(tmp_path: Path) -> None:
    """The middle of the first gap between two samples is seen by --deep alone."""
    file = tmp_path / "large"
    with file.open("wb") as out:
        out.truncate(200 * MIB)
    before = [inputs.examine([need(file)], deep=deep)["files"][str(file)] for deep in (False, True)]
    assert [sampled for _, _, sampled in before] == [True, False]
    with file.open("r+b") as out:
        out.seek(2 * MIB)
        out.write(b"x")
    after = [inputs.examine([need(file)], deep=deep)["files"][str(file)] for deep in (False, True)]
    assert after[0] == before[0] and after[1] != before[1]
    with file.open("r+b") as out:
        out.seek(-1, os.SEEK_END)
        out.write(b"y")
    assert inputs.examine([need(file)], deep=False)["files"][str(file)] != after[0]


def test_marks_are_seen_by_those_on_the_same_disk_and_go(tmp_path: Path) -> None:
    first, second = Room(str(tmp_path)), Room(str(tmp_path))
    assert first.look()["problem"] == "" and first.mark("a")
    status = tmp_path.stat()
    assert second.look()["place"] == f"{status.st_dev}:{status.st_ino}"
    old = write(tmp_path / ".dsk/.check-old", b"")
    os.utime(old, (time.time() - 2 * FORGOTTEN_S,) * 2)
    assert second.mark("b")
    assert first.marks(["a", "b", "old"]) == [True, True, False]
    first.clear()
    second.clear()
    assert list((tmp_path / ".dsk").iterdir()) == []


def test_a_workspace_that_is_not_there(tmp_path: Path) -> None:
    room = Room(str(tmp_path / "gone"))
    assert room.look()["problem"] == "no such file or directory"
    assert room.mark("a") is False


def test_model_and_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = 'x\nregister_template(\n    name="qwen",\n)\n\nregister_template(\n    name="llama3",\n'
    monkeypatch.setattr(model, "TEMPLATES", write(tmp_path / "template.py", text.encode()))
    write(tmp_path / "m/config.json", b'{"max_position_embeddings": 4096}')
    write(tmp_path / "m/model-1.safetensors", b"12345")
    write(tmp_path / "m/pytorch_model.bin", b"the same again")
    found = model.describe(str(tmp_path / "m"))
    assert found == {
        "config": {"max_position_embeddings": 4096},
        "weights": 5,
        "templates": ["qwen", "llama3"],
    }
    assert model.describe("someone/hub")["config"] == {}


def test_the_program_answers_errors_and_takes_its_marks_away(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "dsk.agent.examine", str(tmp_path)]
    asked = [{"op": "mark", "name": "a"}, {"op": "nonsense"}, {"op": "exists", "path": "/"}]
    lines = "".join(json.dumps({"id": n, **each}) + "\n" for n, each in enumerate(asked))
    done = subprocess.run(argv, input=lines, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["id"] for answer in answers] == [0, 1, 2]
    assert answers[0]["result"] is True and answers[2]["result"] is True
    assert "nonsense" in answers[1]["error"]
    assert list((tmp_path / ".dsk").iterdir()) == []


def test_what_is_each_nodes_own_is_not_compared(tmp_path: Path) -> None:
    write(tmp_path / "checkpoint-5/global_step5/zero_pp_rank_0.pt", b"shard")
    found = inputs.examine([{**need(tmp_path / "checkpoint-5"), "own": True}], deep=False)
    assert found == {"missing": [], "files": {}}
    gone = inputs.examine([{**need(tmp_path / "checkpoint-6"), "own": True}], deep=False)
    assert len(gone["missing"]) == 1


LOOK = """
import json, sys
from dsk.agent.needed import missing
from dsk.wire.jobspec import Needed
from dsk.wire.request import plain
print(json.dumps(plain(missing([Needed(**need) for need in json.loads(sys.argv[1])]))))
"""


@pytest.mark.skipif(os.getuid() != 0 or not shutil.which("setpriv"), reason="changes its user")
def test_what_the_workers_user_may_not_read_is_named_with_its_mode() -> None:
    def look(*needs: dict[str, object]) -> list[Text]:
        # The parent commands exec in turn, so that the interpreter is one that nobody may run.
        done = subprocess.run(
            [
                *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
                *(shutil.which("python3", path="/usr/bin:/bin") or "python3", "-c", LOOK),
                json.dumps(needs),
            ],
            env={"PYTHONPATH": str(sources), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        )
        return [Text.from_raw(raw) for raw in json.loads(done.stdout)]

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        sources = folder / "src"
        shutil.copytree(Path(dsk.__file__).parent, sources / "dsk")
        subprocess.run(["chmod", "-R", "a+rX", str(sources)], check=True)
        weights = write(folder / "m/model.safetensors", b"w")
        write(folder / "m/.msc", b"").chmod(0o600)
        write(folder / "m/README.md", b"").chmod(0o600)
        (folder / "m/gone.json").symlink_to("nowhere")
        assert look(need(folder / "m")) == []
        weights.chmod(0o600)
        [closed] = look(need(folder / "m"))
        assert closed.in_language("en") == (
            f"uid 65534 may not read {weights} (mode 0600, owner 0:0)"
        )
        assert closed.values["top"] == str(folder / "m")
        subprocess.run(["chmod", "-R", "a+rX", closed.values["top"]], check=True)
        assert look(need(folder / "m")) == []
        (folder / "m").chmod(0o700)
        [closed] = look(need(folder / "m/model.safetensors"))
        assert closed.values["path"] == closed.values["top"] == str(folder / "m")
