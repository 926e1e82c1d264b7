"""Delivers one message to one target, once: an HTTP request, or a command.

No text of an unknown error is passed on: it may contain the target's URL.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

from dsk.supervisor.notify import payload
from dsk.supervisor.notify.plain import clipped, plain, secrets_of, without
from dsk.text import Text
from dsk.wire.notify import Delivery, Message, Outcome, Target

ANSWER_LIMIT_S = 10.0
ANSWER_BYTES = 65536
SAID_BYTES = 200
"""Of a server's answer in an error."""
_TOO_MANY, _TIMEOUT, _SERVER_ERRORS = 429, 408, 500
_REDIRECTS = range(300, 400)


class Commands:
    """The commands that run: whoever ends this program ends them."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()

    def run(self, target: Target, message: Message) -> Outcome:
        data = json.dumps(payload.for_programs(message), ensure_ascii=False).encode() + b"\n"
        try:
            process = subprocess.Popen(
                target.command,
                stdin=subprocess.PIPE,
                # Nothing is known about what it prints, which may be a secret.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            text = Text("the command cannot be started: {why}").filled(why=error.strerror)
            return Outcome(target.name, text)
        self._running.add(process)
        try:
            process.communicate(data, timeout=ANSWER_LIMIT_S)
        except subprocess.TimeoutExpired:
            text = Text("the command did not end within {limit:.0f} s")
            return Outcome(target.name, text.filled(limit=ANSWER_LIMIT_S))
        finally:
            _kill(process)
            self._running.discard(process)
        if process.returncode:
            text = Text("the command exited with code {code}")
            return Outcome(target.name, text.filled(code=process.returncode), again=True)
        return Outcome(target.name)

    def kill(self) -> None:
        for process in list(self._running):
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """With its children, which may live on after it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def deliver(delivery: Delivery, commands: Commands) -> Outcome:
    """Raises nothing."""
    target = delivery.target
    try:
        if target.kind == "command":
            return commands.run(target, delivery.message)
        return _post(target, delivery.message)
    except Exception as error:
        text = Text("{kind} while the message was sent").filled(kind=type(error).__name__)
        return Outcome(target.name, text)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would hand the message, and the URL's token, to another address."""

    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def _post(target: Target, message: Message) -> Outcome:
    url, body = payload.request(target, message, time.time())
    request = urllib.request.Request(  # noqa: S310 - dsk.yaml's check has seen http or https
        url,
        data=body,
        headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": "dsk"},
        method="POST",
    )
    opener = urllib.request.build_opener(
        # Proxies and no_proxy of the environment.
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        _NoRedirects(),
    )
    try:
        with opener.open(request, timeout=ANSWER_LIMIT_S) as answer:
            said = answer.read(ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            return _refused(target, error)
    except urllib.error.URLError as error:
        return _unreachable(target, error.reason)
    except (OSError, http.client.HTTPException) as error:
        return _unreachable(target, error)
    if wrong := payload.verdict(target.kind, said):
        code, why = wrong
        text = Text("the service refused the message: {said} (code {code})")
        filled = text.filled(said=_shown(target, why), code=code)
        return Outcome(target.name, filled, again=payload.is_busy(target.kind, code))
    return Outcome(target.name)


def _refused(target: Target, error: urllib.error.HTTPError) -> Outcome:
    if error.code in _REDIRECTS:
        text = Text(
            "the server answered HTTP {code}, a redirect, which dsk does not follow; write the "
            "final URL"
        )
        return Outcome(target.name, text.filled(code=error.code))
    try:
        said = error.read(ANSWER_BYTES).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        said = ""
    again = error.code in (_TOO_MANY, _TIMEOUT) or error.code >= _SERVER_ERRORS
    if shown := _shown(target, said):
        text = Text("the server answered HTTP {code}: {said}").filled(code=error.code, said=shown)
    else:
        text = Text("the server answered HTTP {code}").filled(code=error.code)
    return Outcome(target.name, text, again=again)


def _unreachable(target: Target, why: object) -> Outcome:
    """`why` is an exception in all cases but one: urllib gives a text for an unknown scheme."""
    name = target.name
    if isinstance(why, ssl.SSLCertVerificationError):
        text = Text("the server's certificate is not valid: {why}")
        return Outcome(name, text.filled(why=_shown(target, why.verify_message)))
    if isinstance(why, ssl.SSLError):
        text = Text("TLS failed: {why}").filled(why=_shown(target, why.reason or "SSLError"))
        return Outcome(name, text, again=True)
    if isinstance(why, socket.gaierror):
        text = Text("the host name cannot be resolved: {why}").filled(why=why.strerror)
        return Outcome(name, text, again=True)
    if isinstance(why, TimeoutError):
        text = Text("no answer within {limit:.0f} s").filled(limit=ANSWER_LIMIT_S)
        return Outcome(name, text, again=True)
    if isinstance(why, OSError):
        # http.client reports a proxy's refusal without an error number.
        said = why.strerror or _shown(target, str(why).partition(":")[2].strip())
        text = Text("no connection: {why}").filled(why=said or type(why).__name__)
        return Outcome(name, text, again=True)
    text = Text("the server gave no valid HTTP answer ({kind})").filled(kind=type(why).__name__)
    return Outcome(name, text, again=True)


def _shown(target: Target, said: str) -> str:
    """What a server said, on one line, without what it may repeat of the target's URL."""
    line = " ".join(plain(said).split())
    return clipped(without(line, secrets_of(target)), SAID_BYTES)
