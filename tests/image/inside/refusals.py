"""Two ranks in one container give recipes to LLaMA-Factory's get_train_args.

In: {"recipes": [{key: value}, ...], "packages": [name, ...], "trackers": [name, ...]}.
Out: {"errors": [text or null, ...], "absent": [name, ...], "without": {tracker: text or null}}.
"""

import json
import os
import sys
from collections.abc import Callable
from functools import partial

asked = json.load(sys.stdin)
rank = 0 if os.fork() else 1
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
os.environ.update(
    RANK=str(rank),
    LOCAL_RANK=str(rank),
    WORLD_SIZE="2",
    LOCAL_WORLD_SIZE="2",
    MASTER_ADDR="127.0.0.1",
    MASTER_PORT="29511",
    OMP_NUM_THREADS="1",
)

import importlib.metadata  # noqa: E402

from llamafactory.hparams import get_train_args  # noqa: E402
from transformers.integrations import get_reporting_integration_callbacks  # noqa: E402

BASE = {
    "model_name_or_path": "/x",
    "do_train": True,
    "dataset": "identity",
    "output_dir": "/tmp/out",
    "report_to": "none",
    "use_cpu": True,
}


def outcome(action: Callable[[], object]) -> str | None:
    try:
        action()
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"[:300]
    return None


def construct(tracker: str) -> object:
    return get_reporting_integration_callbacks([tracker])[0]()


def is_absent(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return True
    return False


errors = [outcome(partial(get_train_args, {**BASE, **recipe})) for recipe in asked["recipes"]]
if rank == 0:
    trackers = {name: outcome(partial(construct, name)) for name in asked["trackers"]}
    absent = [name for name in asked["packages"] if is_absent(name)]
    print(json.dumps({"errors": errors, "absent": absent, "without": trackers}), file=out)
