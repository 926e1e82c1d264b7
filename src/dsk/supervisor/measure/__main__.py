"""`python -m dsk.supervisor.measure [SSH_CONFIG]` in the master's worker: an Order on its input,
measurements on its output (wire.measure). Without SSH_CONFIG, the bundle's."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path

from dsk.errors import INTERRUPTED
from dsk.supervisor.measure import dial
from dsk.supervisor.measure.mesh import Mesh
from dsk.supervisor.measure.party import Party
from dsk.wire.jobspec import ProtocolMismatch
from dsk.wire.measure import Measured, Order, encode

_printing = threading.Lock()


def _tell(measured: Measured) -> None:
    with _printing:
        print(encode(measured), flush=True)


def _end_with_input() -> None:
    sys.stdin.read()
    # Whatever the other threads wait for: the agents end with their sessions, and those with this.
    os._exit(INTERRUPTED)


def main() -> int:
    try:
        order = Order.from_json(sys.stdin.readline())
    except ProtocolMismatch as error:
        print(f"dsk and the image do not fit: {error}", file=sys.stderr)
        return error.exit_code
    threading.Thread(target=_end_with_input, daemon=True).start()
    own = Path(sys.argv[1]) if len(sys.argv) > 1 else Path.home() / ".ssh/config"
    with tempfile.TemporaryDirectory() as folder:
        party = Party(_dialling(own, Path(folder)), _tell)
        try:
            Mesh(order, party, _tell).run()
        finally:
            party.close()
    return 0


def _dialling(own: Path, folder: Path) -> Path:
    """`own`, with dsk.supervisor.measure.dial."""
    command = f"{sys.executable} -I -S {dial.__file__} %h %p"
    path = folder / "config"
    path.write_text(
        f"Include {own}\nHost *\n  ProxyUseFdpass yes\n  ProxyCommand {command}\n",
        encoding="utf-8",
    )
    return path


if __name__ == "__main__":
    sys.exit(main())
