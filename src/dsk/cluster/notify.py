"""`notify` of dsk.yaml with its secrets, read from where dsk.yaml says they are."""

from __future__ import annotations

from collections.abc import Mapping

from dsk.cluster import values
from dsk.cluster.model import Cluster, NotifyTarget, Secret
from dsk.errors import UserError
from dsk.text import Language, Text
from dsk.wire.notify import Notify, Target

MOST_BYTES = 4096


def notify_of(cluster: Cluster, environ: Mapping[str, str], language: Language) -> Notify:
    """Raises UserError that names the key, and the variable or the file, but not what it holds."""
    targets = tuple(_target(cluster, target, environ) for target in cluster.notify)
    return Notify(targets, language)


def _target(cluster: Cluster, target: NotifyTarget, environ: Mapping[str, str]) -> Target:
    where = f"{cluster.file.name}: notify[{target.index}]"
    url = secret = ""
    if target.url:
        url = _read(target.url, environ, f"{where}.url")
        try:
            values.webhook(url)
        except ValueError:
            text = Text("{source} has no URL in it; write one that begins with https://")
            raise UserError(text.filled(source=_source(target.url)), where=where) from None
        if not values.is_safe(target.kind, url):
            raise UserError(values.UNSAFE.filled(kind=target.kind), where=where)
    if target.secret:
        secret = _read(target.secret, environ, f"{where}.secret")
    return Target(target.name, target.kind, target.events, url, secret, target.command)


def _read(secret: Secret, environ: Mapping[str, str], where: str) -> str:
    """On one line, without the line break at a file's end."""
    if secret.value is not None:
        return secret.value
    if secret.variable is not None:
        value = environ.get(secret.variable, "").strip()
        if not value:
            raise UserError(
                Text("the environment variable {name} is not set").filled(name=secret.variable),
                where=f"{where}_env",
                fix=Text("export {name}=… before dsk, or write url_file").filled(
                    name=secret.variable
                ),
            )
    else:
        value = _of_file(secret, f"{where}_file")
    try:
        return values.one_line(value)
    except ValueError:
        text = Text("{source} has more than one line, or a control character in it")
        raise UserError(text.filled(source=_source(secret)), where=where) from None


def _of_file(secret: Secret, where: str) -> str:
    assert secret.file  # noqa: S101 - one of the three is set
    try:
        with secret.file.open("rb") as file:
            value = file.read(MOST_BYTES).decode().strip()
    except OSError as error:
        text = Text("{file} cannot be read: {why}").filled(file=secret.file, why=error.strerror)
        raise UserError(text, where=where) from None
    except UnicodeDecodeError:
        raise UserError(Text("{file} is not text").filled(file=secret.file), where=where) from None
    if not value:
        raise UserError(Text("{file} is empty").filled(file=secret.file), where=where)
    return value


def _source(secret: Secret) -> str:
    return secret.variable or str(secret.file)
