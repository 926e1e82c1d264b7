"""Which values look like credentials, by the names of variables and keys, and inside addresses."""

from __future__ import annotations

import re

HIDDEN = "***"

_ANYWHERE = re.compile(
    r"SECRET|PASSW|PASSPHRASE|CREDENTIAL|WEBHOOK|(?:API|ACCESS|PRIVATE)_?KEY"
    r"|(?<!PAD_)(?<!EOS_)(?<!BOS_)(?<!UNK_)TOKEN(?![A-Z])"
    r"|(?:API|ACCESS|AUTH|REFRESH|BEARER)_?TOKENS",
    re.IGNORECASE,
)
"""`max_new_tokens`, `pad_token` and TOKENIZERS_PARALLELISM are no credentials."""
_WORD = re.compile(
    r"(?:^|[_.-])(?:KEY|KEYS|PAT|AUTH|PASS|PW|PWD|AK|SK|JWT|BEARER|COOKIE|DSN|SAS)(?=$|[_.-])",
    re.IGNORECASE,
)
_FOLDERS = ("PWD", "OLDPWD")
_LOGIN = re.compile(r"(?<=://)[^/\s]*@|(?<![^\s=,;'\"])[^\s/:@=,;'\"]+:[^\s/@]+@(?=[\w.\[])")
"""`user:password@` after a scheme, or before a host without one, as proxies are often given."""
_QUERY = re.compile(r"([?&]([\w.-]+)=)[^&#\s]+")


def is_secret(name: str) -> bool:
    """HF_TOKEN, MYSQL_PWD and swanlab_lark_secret are, NCCL_DEBUG, PWD and max_new_tokens not."""
    if name.upper() in _FOLDERS:
        return False
    return bool(_ANYWHERE.search(name) or _WORD.search(name))


def shown(name: str, value: str) -> str:
    """The value as it may be printed."""
    return HIDDEN if is_secret(name) else without_logins(value)


def without_logins(text: str) -> str:
    """Hides the user and password of every address in `text`, and secrets in its query."""
    text = _LOGIN.sub(f"{HIDDEN}@", text)
    return _QUERY.sub(lambda found: found[1] + HIDDEN if is_secret(found[2]) else found[0], text)
