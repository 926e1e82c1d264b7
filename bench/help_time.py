"""`dsk --help` against `import click` in the same interpreter. Aim: at most 2.5 times as long."""

from __future__ import annotations

import sys
from pathlib import Path

from interleaved import medians, show

CLICK, HELP = "import click", "dsk --help"

found = medians(
    {
        CLICK: [sys.executable, "-c", "import click"],
        HELP: [str(Path(sys.executable).with_name("dsk")), "--help"],
    }
)
show(found)
print(f"{found[HELP] / found[CLICK]:8.2f}     times as long")
