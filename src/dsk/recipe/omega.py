"""OmegaConf, exactly as LLaMA-Factory's read_args uses it (llamafactory/hparams/parser.py, 0.9.5).

The only module of this room that imports OmegaConf.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, cast

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

# What loading, merging and value grammar can raise on a user's text.
ERRORS = (yaml.YAMLError, OmegaConfBaseException, TypeError, ValueError)


def load_yaml(text: str) -> Any:
    """A config node from YAML text."""
    return OmegaConf.load(io.StringIO(text))


def create(data: Mapping[str, object]) -> Any:
    """A config node from data that is already parsed (upstream's way for JSON)."""
    return OmegaConf.create(dict(data))


def merged(base: Any, overrides: Sequence[str]) -> dict[Any, object]:
    """The base with `key=value` words laid over it. Interpolations stay text, as upstream."""
    both = OmegaConf.merge(base, OmegaConf.from_cli(list(overrides)))
    return cast("dict[Any, object]", OmegaConf.to_container(both))
