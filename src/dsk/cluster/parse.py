"""dsk.yaml to a Cluster, or every mistake in it at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dsk.cluster import document, values
from dsk.cluster.document import Document, Key, Mistake
from dsk.cluster.durations import seconds
from dsk.cluster.model import (
    Cluster,
    Local,
    Network,
    Node,
    NotifyTarget,
    Secret,
    SshTarget,
    User,
)
from dsk.cluster.schema import ClusterModel, NodeModel, NotifyModel, SshModel
from dsk.cluster.secretnames import HIDDEN
from dsk.errors import UserError
from dsk.text import Text, joined, verbatim
from dsk.wire.notifications import EVENTS
from dsk.wire.notify import SIGNED

_URLS = ("url", "url_env", "url_file")
_SECRETS = ("secret", "secret_env", "secret_file")
_LISTS = {
    "nodes": Text("a list of - {{host: …, slots: …}}"),
    "notify": Text("a list of - {{kind: …, url_env: …}}"),
}
_SHOWN = ("kind", "events", "name")
"""What a message may show of `notify`."""
_EXPECTED = {
    "string_type": Text("should be a valid string"),
    "int_type": Text("should be a valid integer"),
    "bool_type": Text("should be a valid boolean"),
    "greater_than_equal": Text("should be greater than or equal to {ge}"),
    "less_than_equal": Text("should be less than or equal to {le}"),
    "literal_error": Text("should be {expected}"),
    "too_short": Text("should have at least {min_length} items"),
    "too_long": Text("should have at most {max_length} items"),
}
"""By pydantic's kinds of errors (ErrorDetails)."""


def load(file: Path) -> Cluster:
    """Raises UserError with every mistake, its line and its key, and what to write instead."""
    name = _shown(file)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(
            Text("there is no such file"), where=name, fix=Text("dsk init HOST:SLOTS … writes one")
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(
            Text("is not UTF-8 text (byte {start})").filled(start=error.start), where=name
        ) from None
    except OSError as error:
        raise UserError(
            Text("cannot be read: {why}").filled(why=error.strerror), where=name
        ) from None
    return parse(text, file, name)


def parse(text: str, file: Path, name: str | None = None, *, written: bool = True) -> Cluster:
    """Pure. `name` is what messages call the file. Raises UserError as `load` does; without the
    file and the line if `written` is false, since nobody could look them up."""
    name = name or str(file)
    read = document.read(text, name)
    mistakes = list(read.mistakes)
    model = None
    try:
        model = ClusterModel.model_validate(_as_written(read))
    except ValidationError as error:
        mistakes += [_mistake(read, detail) for detail in error.errors()]
    if model:
        mistakes += [Mistake(key, read.line(key), text) for key, text in _conflicts(model)]
    if mistakes or model is None:
        raise _all_of(mistakes, name if written else None)
    return _cluster(model, file)


def _shown(file: Path) -> str:
    absolute = file.absolute()
    here = Path.cwd()
    return str(absolute.relative_to(here) if absolute.is_relative_to(here) else file)


def _as_written(read: Document) -> dict[str, Any]:
    """Variables are text, `on` and `true` words, and `1000:1000` two numbers: YAML 1.1 would read
    numbers, True and 61000 (sixty to the unit)."""
    found = dict(read.values)
    if found.get("user") is not None:
        found["user"] = read.texts.get(("user",), found["user"])
    if isinstance(found.get("warm"), bool):
        found["warm"] = str(found["warm"]).lower()
    if isinstance(env := found.get("env"), dict):
        found["env"] = {
            name: read.texts.get(("env", name), value) if value is not None else ""
            for name, value in env.items()
        }
    if isinstance(network := found.get("network"), dict) and "infiniband" in network:
        word = read.texts.get(("network", "infiniband"), network["infiniband"])
        found["network"] = {**network, "infiniband": word}
    # `env:` with nothing behind it says nothing.
    return {key: value for key, value in found.items() if value is not None}


def _mistake(read: Document, detail: ErrorDetails) -> Mistake:
    # pydantic marks an error of a mapping's key by one more step.
    key: Key = tuple(step for step in detail["loc"] if step != "[key]")
    return Mistake(key, read.line(key), _sentence(key, detail))


def _is_hidden(key: Key) -> bool:
    """Whether the value may be a secret, which stands in no message."""
    if key[0] == "notify":
        return not any(step in _SHOWN for step in key[2:])
    return key[0] in document.SECRETS


def _sentence(key: Key, detail: ErrorDetails) -> Text:
    kind, given = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        return _unknown(key)
    if kind == "missing":
        return Text("is missing")
    if kind == "value_error":
        return _of_validator(detail["ctx"]["error"])
    if kind in ("model_type", "dict_type", "list_type"):
        wanted = (
            _LISTS.get(str(key[-1]), document.A_LIST)
            if kind == "list_type"
            else Text("lines of key: value")
        )
        is_nested = isinstance(given, dict | list)
        given = document.A_VALUE if _is_hidden(key) and not is_nested else _kind(given)
        return Text("{given} where {wanted} should be").filled(given=given, wanted=wanted)
    # The texts are pydantic's own; of a kind that none is for, its message says it in English.
    expected = verbatim(detail["msg"].removeprefix("Input "))
    if kind in _EXPECTED:
        expected = _EXPECTED[kind].filled(**detail.get("ctx", {}))
    return expected if _is_hidden(key) else joined([verbatim(repr(given)), expected], " ")


def _of_validator(error: ValueError) -> Text:
    """What a validator of `dsk.cluster.values` says: a Text, unless Python itself raised it."""
    said = error.args[0] if error.args else ""
    return said if isinstance(said, Text) else verbatim(str(said))


def _kind(value: object) -> Text:
    if isinstance(value, dict):
        return Text("settings")
    return document.A_LIST if isinstance(value, list) else verbatim(repr(value))


def _unknown(key: Key) -> Text:
    known = list(_model_at(key[:-1]).model_fields)
    close = difflib.get_close_matches(str(key[-1]), known, n=1)
    if close:
        return Text("unknown key; did you mean {close}?").filled(close=close[0])
    return Text("unknown key; the known keys are: {known}").filled(known=", ".join(known))


def _model_at(key: Key) -> type[BaseModel]:
    model: type[BaseModel] = ClusterModel
    for step in key:
        if isinstance(step, str):
            annotation = model.model_fields[step].annotation
            inner = [annotation, *get_args(annotation)]
            model = next(a for a in inner if isinstance(a, type) and issubclass(a, BaseModel))
    return model


def _conflicts(model: ClusterModel) -> Iterator[tuple[Key, Text]]:
    """What is wrong between values that are each right."""
    yield from _notify_conflicts(model.notify)
    if model.in_place and model.user:
        yield (
            ("user",),
            Text("with in_place, workers run as their container's user; delete the line"),
        )
    first: dict[str, int] = {}
    for index, node in enumerate(model.nodes):
        if node.host in first:
            yield (
                ("nodes", index, "host"),
                Text("{host} is nodes[{first}] already; write each server once").filled(
                    host=node.host, first=first[node.host]
                ),
            )
        first.setdefault(node.host, index)
        if model.in_place:
            if node.ssh:
                yield (
                    ("nodes", index, "ssh"),
                    Text("with in_place, workers are reached at worker_port"),
                )
            continue
        server = _server(node, model.ssh, Path())
        if isinstance(server, SshTarget) and (server.host, server.port) == (
            node.host,
            model.worker_port,
        ):
            yield (
                ("worker_port",),
                Text("{port} is the port of nodes[{index}]'s own sshd; write another").filled(
                    port=model.worker_port, index=index
                ),
            )


def _notify_conflicts(targets: list[NotifyModel]) -> Iterator[tuple[Key, Text]]:
    first: dict[str, int] = {}
    for index, target in enumerate(targets):
        here = ("notify", index)
        name = target.name or target.kind
        if name in first:
            text = Text("{name} is the name of notify[{first}] already; write name: and another")
            yield here, text.filled(name=name, first=first[name])
        first.setdefault(name, index)
        urls = [key for key in _URLS if getattr(target, key) is not None]
        secrets = [key for key in _SECRETS if getattr(target, key) is not None]
        if target.kind == "command":
            for key in (*urls, *secrets):
                yield (*here, key), Text("a command has none; delete the line")
            if not target.command:
                yield here, Text("has no command; write command: [PROGRAM, …]")
            continue
        if target.command:
            yield (*here, "command"), Text("is for kind: command; delete the line")
        if len(urls) != 1:
            yield here, Text("needs one of url_env, url_file and url")
        if secrets and target.kind not in SIGNED:
            text = Text("{kind} has no signature; delete the line")
            yield (*here, secrets[0]), text.filled(kind=target.kind)
        if len(secrets) > 1:
            yield here, Text("needs only one of secret_env, secret_file and secret")
        if target.url and not values.is_safe(target.kind, target.url):
            yield (*here, "url"), values.UNSAFE.filled(kind=target.kind)


def _all_of(mistakes: list[Mistake], name: str | None) -> UserError:
    """`name` None: the text is in no file."""
    ordered = sorted(mistakes, key=lambda mistake: mistake.line)
    lines = [
        Text("{key}: {message}").filled(key=_path(mistake.key), message=mistake.text)
        for mistake in ordered
    ]
    places = [name and f"{name}:{mistake.line}" for mistake in ordered]
    if len(ordered) == 1:
        return UserError(joined(lines), where=places[0])
    listed = [
        Text("  {where}: {message}").filled(where=place, message=line)
        if place
        else Text("  {line}").filled(line=line)
        for place, line in zip(places, lines, strict=True)
    ]
    count = Text("{count} mistakes:").filled(count=len(ordered))
    return UserError(joined([count, *listed], "\n"), where=name)


def _path(key: Key) -> str:
    if key and key[0] == "notify":
        # What was meant as a value may be written as a key: `- https://…: `.
        key = tuple(step if str(step).replace("_", "").isalnum() else HIDDEN for step in key)
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in key)
    return text.removeprefix(".")


def _cluster(model: ClusterModel, file: Path) -> Cluster:
    cluster = Cluster(
        name=model.name,
        nodes=tuple(
            Node(index, node.host, node.slots, _server(node, model.ssh, file.absolute().parent))
            for index, node in enumerate(model.nodes)
        ),
        file=file,
        image=model.image,
        workspace=PurePosixPath(model.workspace),
        user=User(*map(int, model.user.split(":"))) if model.user else None,
        worker_port=model.worker_port,
        accelerator=model.accelerator,
        shm_size=model.shm_size,
        network=Network(model.network.interface, model.network.infiniband),
        warm=model.warm,
        save=model.save,
        time_limit=seconds(model.time_limit) if model.time_limit else None,
        env=model.env,
        notify=tuple(
            _target(index, target, file.absolute().parent)
            for index, target in enumerate(model.notify)
        ),
    )
    return cluster.supervised_in_place() if model.in_place else cluster


def _target(index: int, model: NotifyModel, folder: Path) -> NotifyTarget:
    return NotifyTarget(
        index,
        model.name or model.kind,
        model.kind,
        tuple(model.events or EVENTS),
        _secret(folder, model.url, model.url_env, model.url_file),
        _secret(folder, model.secret, model.secret_env, model.secret_file),
        tuple(model.command or ()),
    )


def _secret(
    folder: Path, value: str | None, variable: str | None, name: str | None
) -> Secret | None:
    """A relative file is relative to dsk.yaml's folder."""
    if value is variable is name is None:
        return None
    return Secret(value, variable, folder / Path(name).expanduser() if name else None)


def _server(node: NodeModel, default: SshModel, folder: Path) -> Local | SshTarget:
    """A relative key file is relative to dsk.yaml's folder.

    What neither the node nor `ssh:` says of a host named in `ssh` is left to OpenSSH: the name may
    be an alias in the user's ~/.ssh/config.
    """
    if node.ssh == "local":
        return Local()
    key = folder / Path(default.key).expanduser() if default.key else None
    if not node.ssh:
        return SshTarget(default.user, node.host, default.port, key)
    user, host, port = values.split_target(node.ssh)
    written = default.model_fields_set
    return SshTarget(
        user or (default.user if "user" in written else None),
        host,
        port or (default.port if "port" in written else None),
        key,
    )
