"""What `dsk-agent verify` finds in an image. The agent measures; the operator's side judges."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

NO_STACK = "none"
"""The stack of a worker without torch and what needs it."""


@dataclass(frozen=True)
class ImageFacts:
    """One image as it is now. Where two say the same of then and now, `recorded_…` is from the
    image's build.

    `python` and `debian`: version by package, Python's by its normalized name (PEP 503).
    `files`: SHA-256 by path of what the content id stands for. `proofs`: by what was tried, why it
    failed, or "". `altered`: by path, what is wrong with a file of a Python package; None where
    they were not read (`--deep`).
    """

    stack: str
    dsk: str
    python: Mapping[str, str]
    debian: Mapping[str, str]
    recorded_debian: Mapping[str, str]
    content_id: str
    recorded_content_id: str
    files: Mapping[str, str]
    recorded_files: Mapping[str, str]
    proofs: Mapping[str, str]
    altered: Mapping[str, str] | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ImageFacts:
        """Raises ValueError or TypeError where the text is something else."""
        return cls(**json.loads(text))
