"""Writes schema/dsk.schema.json, or the file that is named."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dsk.cluster.schema import json_schema

target = Path(sys.argv[1] if len(sys.argv) > 1 else "schema/dsk.schema.json")
target.write_text(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
