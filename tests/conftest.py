"""What every test stands on."""

from __future__ import annotations

import signal

# A shell that starts pytest in the background (nohup, `&` in a script, some CI runners) has it
# ignore SIGINT, and every child inherits that: then no Ctrl-C of a test would end anything. A
# handler is not inherited by programs that are started.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
