"""Which environment variables look like credentials, by their names."""

from __future__ import annotations

import re

HIDDEN = "***"

_NAME = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|(?:^|_)(?:KEY|PAT|AUTH)(?:$|_)", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+@")


def is_secret(name: str) -> bool:
    """HF_TOKEN, WANDB_API_KEY and AWS_SECRET_ACCESS_KEY are, NCCL_DEBUG is not."""
    return _NAME.search(name) is not None


def shown(name: str, value: str) -> str:
    """The value as it may be printed; a user and password inside an address are hidden as well."""
    return HIDDEN if is_secret(name) else _IN_ADDRESS.sub(f"{HIDDEN}@", value)
