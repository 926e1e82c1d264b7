"""In a login of a worker, as an agent: asks the warm process for a rank, which finds no recipe.

Out: {"state", "cold": why the rank was no fork, "code", "output"}.
"""

import json
import os
import time
from pathlib import Path

from dsk.agent import threads
from dsk.agent.starter import ExecStarter, RankCommand
from dsk.agent.warmstart import WarmStarter, look
from dsk.text import NOTHING
from dsk.wire import paths

LIMIT_S = 200.0

deadline = time.monotonic() + LIMIT_S
while (not (state := look()) or state.state == "importing") and time.monotonic() < deadline:
    time.sleep(0.2)
job = json.loads(Path(paths.BUNDLE / "job_env.json").read_text())
env = {**os.environ, **threads.default(os.environ, 1), **job, "DSK_JOB": "a-job"}
argv = [str(paths.PYTHON), "-u", "-m", "dsk.rank", "train", "/no/recipe.yaml"]
process = WarmStarter(ExecStarter()).start(RankCommand(0, argv, env, Path("/tmp")))
output = process.output.read()
cold = (process.cold or NOTHING).in_language("en")
found = {"state": state and state.state, "cold": cold, "code": process.wait()}
print(json.dumps({**found, "output": output.decode()[-2000:]}))
