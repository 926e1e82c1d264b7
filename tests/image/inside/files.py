"""Looks at every file of the image.

Out: {"private_keys": [path, ...], "host_keys": [...], "not_compiled": [...]}; compiled
is what has a .pyc that Python accepts by the source's hash.
"""

import json
import re
import subprocess
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from pathlib import Path

# The header alone stands in every program that reads keys. Literals of source may hold `\n`.
PRIVATE_KEY = re.compile(
    rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(\s|\\n)+"
    rb"(Proc-Type[^\n]*\n|DEK-Info[^\n]*\n|\s)*[A-Za-z0-9+/=]{40}"
)


CHECKED_HASH = (0b11).to_bytes(4, "little")


def compiled(source: Path) -> bool:
    """A .pyc's first 16 bytes are those that PEP 552 says."""
    pyc = Path(cache_from_source(str(source)))
    if not pyc.exists():
        return False
    with pyc.open("rb") as file:
        return file.read(16) == MAGIC_NUMBER + CHECKED_HASH + source_hash(source.read_bytes())


def main() -> None:
    found = subprocess.run(
        ["grep", "-rlaF", "--exclude-dir=proc", "--exclude-dir=sys", "--exclude-dir=dev", "--null",
         "PRIVATE KEY-----", "/"],
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}, capture_output=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    named = [Path(name.decode()) for name in found.stdout.split(b"\0") if name]
    answer = {
        "scanned": [str(path) for path in named],
        "private_keys": [str(path) for path in named if PRIVATE_KEY.search(path.read_bytes())],
        "host_keys": [str(path) for path in Path("/etc/ssh").glob("ssh_host_*")],
        "not_compiled": [
            str(path)
            for tree in ("/opt/venv", "/opt/llamafactory/src")
            for path in Path(tree).rglob("*.py")
            if not compiled(path)
        ],
    }
    print(json.dumps(answer))


main()
