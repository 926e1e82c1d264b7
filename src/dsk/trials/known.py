"""Results of earlier searches, kept beside dsk.yaml: a second search measures nothing again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from dsk.cluster.model import Cluster
from dsk.files import write_atomic
from dsk.jobs.planning import Plan
from dsk.jobs.runtime import Runtime
from dsk.tune.overrides import PRESET, SEARCHED
from dsk.tune.points import OWN, Result, Setting
from dsk.wire import paths

VERSION = 1
IRRELEVANT = (
    *("output_dir", "logging_dir", "run_name", "num_train_epochs", "max_steps", "learning_rate"),
    *("save_steps", "logging_steps", "eval_steps", "warmup_ratio", "warmup_steps", "report_to"),
    *("overwrite_output_dir", "plot_loss", "seed", "data_seed", "lr_scheduler_type"),
)
"""Keys that change neither the memory nor the speed of a step."""
FINGERPRINT = """
import glob, json, os, sys
model, data = sys.argv[1:]
found = []
for folder in (model, data):
    for path in sorted(glob.glob(os.path.join(folder, "*"))):
        try:
            found.append((path, os.stat(path).st_size, int(os.stat(path).st_mtime)))
        except OSError:
            pass
versions = "/etc/dsk/stack.json"
print(json.dumps([found, open(versions).read() if os.path.exists(versions) else ""]))
"""


def fingerprint(runtime: Runtime, cluster: Cluster, planned: Plan, own: Setting) -> str:
    """Of all that decides what a point gives: settings, model, data, stack, nodes, GPUs."""
    recipe = planned.recipe
    values = {
        key: value
        for key, value in recipe.values.items()
        if key not in IRRELEVANT and key not in SEARCHED
    }
    model = str(recipe.values["model_name_or_path"])
    python = [str(paths.PYTHON), "-c", FINGERPRINT, model, recipe.data_folder]
    devices = shlex.split(cluster.devices.worker_devices)
    what = {
        "version": VERSION,
        "values": values,
        "preset": recipe.values.get(PRESET) if own.variant.preset == OWN else "",
        "nodes": [(node.host, node.slots) for node in planned.spec.nodes],
        "env": dict(planned.spec.env),
        "image": cluster.image,
        "there": runtime.output_of(python),
        "gpus": runtime.output_of(devices) if devices else "",
    }
    text = json.dumps(what, sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()[:16]


def place(cluster: Cluster, key: str) -> Path:
    return cluster.state_dir / "tune" / f"{key}.json"


def read(path: Path) -> list[Result]:
    """Empty where nothing was kept, or it cannot be read."""
    try:
        raw: Mapping[str, list[Mapping[str, object]]] = json.loads(path.read_text(encoding="utf-8"))
        return [Result.from_raw(each) for each in raw["results"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def keep(path: Path, results: Sequence[Result]) -> None:
    """Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = json.dumps({"results": [each.to_raw() for each in results]}, indent=1)
    write_atomic(path, text.encode(), 0o600)
