"""`python -u -m dsk.warm`: the warm process. The worker's entrypoint starts it, and again when it
ends, except with EXIT_OFF: then ranks start cold until the worker is restarted.

DSK_WARM is the setting that the worker was started with, as `warm` in dsk.yaml; DSK_SLOTS how many
ranks its jobs have.
"""

from __future__ import annotations

import atexit
import json
import os
import pwd
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dsk.files import write_atomic
from dsk.text import NOTHING, Text
from dsk.warm import cuda, fresh, inherited, memory, nvml, room, stack
from dsk.warm.room import Room
from dsk.warm.rules import Rules
from dsk.warm.server import Rank, Replace, Server
from dsk.wire import paths
from dsk.wire.caches import cache_env
from dsk.wire.warm import WarmState

EXIT_OFF = 64
NEEDED_BYTES = 4_000_000_000
WORDS = [str(paths.PYTHON), "-u", "-m", "dsk.warm"]
JOB_ENV = Path(paths.BUNDLE / "job_env.json")
"""What dsk.yaml and dsk give every rank, as the bundle has it. A container that a platform started
has no bundle of dsk's, and so not this file."""


def main() -> None:
    if room.VARIABLE not in os.environ:
        inherited.take_groups()
        _start({**os.environ, **_of_login(), **_of_bundle()})
    place = Room.here()
    room.leave()
    del sys.path[0]  # `-m` puts the working folder there, which a rank's is not
    # In the background of a script both are ignored, and a rank's are not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    before = dict(os.environ)
    if reason := _why_off():
        _off(reason)
    if os.environ.get("DS_ACCELERATOR") == "cuda":
        # As DeepSpeed does when it is imported: whether there is a GPU is then asked without CUDA.
        os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    _say("importing")
    begin = time.monotonic()
    try:
        stack.import_all(stack.modules())
    except Exception as error:  # whatever a module raises, as after an update of it
        text = Text("an import of the stack failed: {error}")
        _off(text.filled(error=f"{type(error).__name__}: {error}"))
    nvml_users = nvml.end()
    if os.environ.get("DS_ACCELERATOR") == "cuda" and (reason := cuda.problem_of_a_fork()):
        _off(reason)
    written = {name: os.environ[name] for name in os.environ if name not in before}
    rules = Rules(stack.Decisive.read(), before, stack.Files(), place)
    server = Server(rules)
    _say("ready", seconds=time.monotonic() - begin)
    match server.serve():
        case Rank(request, output):
            fresh.become(request, place, output, written)
            nvml.begin(nvml_users)
            fresh.run()
        case Replace(reason=reason, env=env):
            print(f"started again: {reason.in_language('en')}", flush=True)
            _say("importing")
            atexit._run_exitfuncs()  # of imports, such as the removal of a temporary folder
            _start(env)


def _start(env: Mapping[str, str]) -> None:
    """Become a new warm process with `env`, and what a fork's environment needs in addition."""
    argv, env = room.reserve(WORDS, env)
    os.execve(argv[0], argv, env)  # noqa: S606


def _of_login() -> dict[str, str]:
    """What sshd gives every session (sshd(8)), and so every rank."""
    user = pwd.getpwuid(os.geteuid())
    return {
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "HOME": user.pw_dir,
        "SHELL": user.pw_shell or "/bin/sh",
    }


def _of_bundle() -> dict[str, str]:
    """The environment that the first job's ranks most likely have. Where it is not, the warm
    process is replaced after that job."""
    from dsk.agent import threads

    workspace = os.environ.get("DSK_WORKSPACE")
    env = cache_env(workspace) if workspace else {}
    with suppress(OSError, ValueError):
        env = {str(name): str(value) for name, value in json.loads(JOB_ENV.read_text()).items()}
    slots = os.environ.get("DSK_SLOTS", "")
    if slots.isdecimal() and int(slots) > 0:
        env = {**threads.default({**os.environ, **env}, int(slots)), **env}
    return env


def _asked() -> str:
    return os.environ.get("DSK_WARM") or "auto"


def _why_off() -> Text | None:
    """Why there is to be no warm process, None where there is."""
    asked, kind = _asked(), os.environ.get("DS_ACCELERATOR") or "cpu"
    if asked == "false":
        if JOB_ENV.exists():
            return Text("warm is false in dsk.yaml")
        return Text("warm is false in this container's DSK_WARM")
    if not Path(paths.WARM_MODULES).exists():
        return Text("this image's stack has no list of modules to import (docs/warm-starts.md)")
    if asked == "auto" and kind != "cpu":
        text = Text(
            "warm: auto is for accelerator cpu; this worker has {kind} (docs/warm-starts.md)"
        )
        return text.filled(kind=kind)
    if asked == "auto" and (free := memory.free()) < NEEDED_BYTES:
        text = Text("{free:.1f} GB of memory are free; warm: auto needs {needed:.0f} GB")
        return text.filled(free=free / 1e9, needed=NEEDED_BYTES / 1e9)
    return None


def _off(reason: Text) -> None:
    _say("off", reason)
    sys.exit(EXIT_OFF)


def _say(state: str, reason: Text = NOTHING, seconds: float = 0.0) -> None:
    said = WarmState(state, _asked(), os.getpid(), reason, round(seconds, 1))
    write_atomic(Path(paths.WARM_STATE), said.encode(), 0o600)


if __name__ == "__main__":
    main()
