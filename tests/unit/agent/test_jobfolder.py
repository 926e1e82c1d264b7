"""What an agent says of the jobs in its workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dsk.agent import jobfolder
from dsk.wire import paths
from dsk.wire.status import JobStatus

STATUS = JobStatus("j1", "lab", "running", ("10.0.0.1",), 1, 1.0, 1.0, "/out")


def put(workspace: Path, job: str, text: str) -> None:
    jobfolder.put(str(workspace), job, paths.STATUS, text)


def statuses(workspace: Path) -> list[dict[str, Any]]:
    return jobfolder.statuses(str(workspace))


def test_one_that_cannot_be_read_is_among_them(tmp_path: Path) -> None:
    put(tmp_path, "j1", STATUS.to_json())
    put(tmp_path, "j2", json.dumps({**STATUS.to_raw(), "job": "j2", "started": "today"}))
    put(tmp_path, "j3", STATUS.to_json()[:40])
    put(tmp_path, "j4", "")
    found = {raw["job"]: raw for raw in statuses(tmp_path)}
    assert found["j1"].pop("age") >= 0
    assert JobStatus(**{**found["j1"], "nodes": tuple(found["j1"]["nodes"])}) == STATUS
    assert found["j2"]["problem"] == "status.json: started is 'today', not float"
    assert "status.json: " in found["j3"]["problem"] and "status.json: " in found["j4"]["problem"]


def test_one_of_a_later_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    put(tmp_path, "j1", json.dumps({**STATUS.to_raw(), "state": "queued", "place": 3}))
    [raw] = statuses(tmp_path)
    assert raw["state"] == "queued" and "place" not in raw
