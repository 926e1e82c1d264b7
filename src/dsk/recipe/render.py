"""Values to YAML that LLaMA-Factory's reader (OmegaConf) reads back to the same values."""

from __future__ import annotations

from collections.abc import Mapping

import yaml


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # OmegaConf reads more words as numbers than YAML 1.1 does (1e-4), all of which start with a
    # sign, digit or dot; and PyYAML loses line separators such as U+0085 outside double quotes.
    # What starts with a letter and is still no text (yes, null) PyYAML quotes by itself.
    plain = value[:1].isalpha() or value[:1] == "/"
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", value, style=None if plain and value.isprintable() else '"'
    )


_Dumper.add_representer(str, _text)


def to_yaml(values: Mapping[str, object]) -> str:
    """One key a line, in order, Chinese as it is."""
    return yaml.dump(
        dict(values), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=float("inf")
    )
