"""Compile every .py below the folders given that has no .pyc yet: a layer holds only its own.

The .pyc are valid by the source's hash: time stamps, which archives and mounts change, do not
matter.
"""

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode, PyCompileError, compile  # noqa: A004


def compile_one(source: Path) -> None:
    try:
        compile(str(source), doraise=True, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    except (PyCompileError, UnicodeDecodeError):
        # Packages ship templates and tests for other Python versions; nobody imports those.
        print(f"not compiled: {source}")


def main() -> None:
    sources = [
        source
        for folder in sys.argv[1:]
        for source in Path(folder).rglob("*.py")
        if source.is_file() and not Path(cache_from_source(str(source))).exists()
    ]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, sources, chunksize=32))
    print(f"compiled {len(sources)} files")


if __name__ == "__main__":
    main()
