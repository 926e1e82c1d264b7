"""Patch a package that was installed from a wheel, and record the patched files as its own.

Usage: patch_installed.py SITE_PACKAGES PATCH

The patch's paths start with the package's folder (`patch -p1` in site-packages). A patch that does
not apply exactly raises. RECORD gets the new hashes (PyPA's "Recording installed projects"), so
that a later check of the installed files finds what the build intended, and files compiled from
the old source are removed.
"""

import base64
import csv
import hashlib
import re
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path


def patch(site_packages: Path, file: Path) -> set[str]:
    """Apply the patch. Returns the patched files' names below site-packages."""
    subprocess.run(
        ["patch", "--fuzz=0", "--no-backup-if-mismatch", "-p1", f"--input={file}"],
        cwd=site_packages,
        check=True,
    )
    return set(re.findall(r"^\+\+\+ b/(\S+)", file.read_text(), flags=re.MULTILINE))


def record(site_packages: Path, patched: set[str]) -> None:
    """Write the patched files' hashes and sizes into the RECORD files that list them."""
    left = set(patched)
    for listing in site_packages.glob("*.dist-info/RECORD"):
        with listing.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        changed = patched & {name for name, *_ in rows}
        if not changed:
            continue
        for row in rows:
            if row[0] in changed:
                content = (site_packages / row[0]).read_bytes()
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
                row[1:] = [f"sha256={digest.decode().rstrip('=')}", str(len(content))]
        with listing.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        left -= changed
    if left:
        sys.exit(f"no installed package lists {', '.join(sorted(left))}")


def main() -> None:
    site_packages = Path(sys.argv[1])
    patched = patch(site_packages, Path(sys.argv[2]).resolve())
    record(site_packages, patched)
    for name in patched:
        Path(cache_from_source(str(site_packages / name))).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
