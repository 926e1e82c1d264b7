"""What becomes of the warm process where an import of the list fails."""

import json
import os
import subprocess
from pathlib import Path

from dsk.wire import paths

Path(paths.WARM_MODULES).write_text("json\nno_such_module\n")
Path(paths.WARM_STATE).parent.mkdir(parents=True, exist_ok=True)
env = {**os.environ, "DSK_WARM": "true", "DS_ACCELERATOR": "cpu"}
argv = [str(paths.PYTHON), "-u", "-m", "dsk.warm"]
done = subprocess.run(argv, env=env, stdout=subprocess.DEVNULL, check=False, timeout=60)
state = json.loads(Path(paths.WARM_STATE).read_text())
print(json.dumps({"code": done.returncode, "state": state["state"], "reason": state["reason"]}))
