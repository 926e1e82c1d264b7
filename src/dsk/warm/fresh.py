"""Makes a fork as `python -u -m MODULE …` would have started, and runs it.

What a child inherits from its parent either way was compared before (inherited.py).
"""

from __future__ import annotations

import builtins
import ctypes
import gc
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import types
import weakref
from collections.abc import Mapping
from typing import NoReturn

from dsk.warm.room import Room
from dsk.wire.warm import MODULE, PROGRAM, Request

PR_SET_PDEATHSIG = 1


def tie_to_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends, which is what reports its end."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def become(rank: Request, room: Room, output: int, written: Mapping[str, str]) -> None:
    """`output` is the descriptor that gets standard output and standard error, and is closed.
    `written` are environment variables that the imports have set. Raises OSError."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(output)
    os.chdir(rank.folder)
    # Python's, and by it the C library's.
    os.environ.clear()
    os.environ.update({**rank.env, **written})
    room.show(rank.argv, rank.env)
    sys.argv = ["-m", *rank.argv[len(PROGRAM) :]]  # runpy puts the module's file there
    sys.orig_argv = list(rank.argv)
    sys.path.insert(0, str(os.getcwd()))  # noqa: PTH109 - as Python's own start-up has it
    _reseed()
    _keep_temporary_folders()
    gc.enable()


def run() -> NoReturn:
    """Run the rank's module, and end as Python's own start-up would."""
    # The frame of the module before still runs: it must not lose its globals.
    before = sys.modules["__main__"]
    main = types.ModuleType("__main__")
    main.__builtins__ = builtins  # type: ignore[attr-defined]
    main.__annotations__ = {}
    sys.modules["__main__"] = main
    try:
        runpy._run_module_as_main(MODULE, alter_argv=True)  # type: ignore[attr-defined]
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        # Without this frame: a rank that started cold has none.
        trace = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        sys.exit(1)
    finally:
        del before
    sys.exit()


def _reseed() -> None:
    """Generators that a start seeds by chance: else all forks would draw the same numbers. `random`
    does so itself after a fork."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.default_generator.seed()
    multiprocessing.current_process().authkey = os.urandom(32)


class _OfTheParent(tempfile.TemporaryDirectory[str]):
    """A temporary folder that an import has made: the end of a fork must not delete it."""

    @classmethod
    def _rmtree(cls, *_: object, **__: object) -> None:
        pass


def _keep_temporary_folders() -> None:
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        found = finalizer.peek()
        if found and isinstance(found[0], tempfile.TemporaryDirectory):
            finalizer.detach()
            # Its `cleanup` may be among what runs at exit: that calls _rmtree.
            found[0].__class__ = _OfTheParent
