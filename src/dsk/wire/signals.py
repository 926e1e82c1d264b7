"""What a signal to a supervisor means."""

from __future__ import annotations

from signal import SIGINT, SIGUSR1

STOP = SIGINT
"""Its user wants the job to end. SIGTERM is what an engine, or a server, sends that shuts down."""
SAVE = SIGUSR1
"""Its user wants the job to save a checkpoint and to end then. It would kill the supervisor of an
older version of dsk: `saves` in wire.status says whether this one understands it."""
