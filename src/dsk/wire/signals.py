"""What a signal to a supervisor means."""

from __future__ import annotations

from signal import SIGINT

STOP = SIGINT
"""Its user wants the job to end. SIGTERM is what an engine, or a server, sends that shuts down."""
