"""`notify` in dsk.yaml: targets, their secrets, and that no error contains one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dsk.cluster.notify import notify_of
from dsk.cluster.parse import load, parse
from dsk.errors import UserError
from dsk.wire.notifications import EVENTS
from dsk.wire.notify import Target

GOOD = "name: lab\nnodes:\n  - {host: 10.0.0.11, slots: 4}\n"
URL = "https://hooks.example/T0KEN-abcdef"
SECRET = "S1GN-abcdef"
FILE = Path("/c/dsk.yaml")


def error(text: str) -> str:
    with pytest.raises(UserError) as caught:
        parse(GOOD + text, FILE, "dsk.yaml")
    return caught.value.in_language("en") + caught.value.in_language("zh") + repr(caught.value)


def made(text: str, **environ: str) -> tuple[Target, ...]:
    return notify_of(parse(GOOD + text, FILE), environ, "en").targets


def test_without_the_key_nobody_is_notified() -> None:
    assert made("") == () == made("notify:\n") == made("notify: []\n")


def test_secrets_from_a_variable_a_file_and_dsk_yaml(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/url").write_text(f"{URL}\n")
    file = tmp_path / "dsk.yaml"
    file.write_text(
        GOOD
        + "notify:\n"
        + "  - {kind: feishu, url_env: F_URL, secret_env: F_SECRET}\n"
        + "  - {kind: wecom, url_file: secrets/url, events: [failed]}\n"
        + f'  - {{kind: json, name: own, url: "{URL}"}}\n'
        + "  - {kind: command, command: [/bin/x, --y]}\n"
    )
    found = notify_of(load(file), {"F_URL": URL, "F_SECRET": f" {SECRET}\n"}, "zh")
    assert found.language == "zh"
    assert found.targets == (
        Target("feishu", "feishu", EVENTS, URL, SECRET),
        Target("wecom", "wecom", ("failed",), URL),
        Target("own", "json", EVENTS, URL),
        Target("command", "command", EVENTS, command=("/bin/x", "--y")),
    )
    assert URL not in repr(load(file)) and SECRET not in repr(found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("notify: [{kind: slak, url_env: A}]\n", ["notify[0].kind: 'slak'", "'slack'"]),
        ("notify: [{kind: slack}]\n", ["dsk.yaml:4: notify[0]: needs one of url_env"]),
        ("notify: [{kind: slack, url_env: A, url_file: b}]\n", ["needs one of url_env"]),
        ("notify: [{kind: slack, url_env: A, secret_env: B}]\n", ["slack has no signature"]),
        ("notify: [{kind: slack, url_env: a-b}]\n", ["notify[0].url_env", "variable's name"]),
        ("notify: [{kind: slack, url_env: A, events: [faild]}]\n", ["is not an event", "failed"]),
        ("notify: [{kind: slack, url_env: A, events: []}]\n", ["notify[0].events", "at least 1"]),
        ("notify: [{kind: slack, url_env: A}, {kind: slack, url_env: B}]\n",
         ["slack is the name of notify[0] already"]),
        ("notify: [{kind: slack, url_env: A, name: 'a b'}]\n", ["is not a name"]),
        ("notify: [{kind: command}]\n", ["has no command"]),
        ("notify: [{kind: command, command: [x], url_env: A}]\n", ["a command has none"]),
        ("notify: [{kind: slack, url_env: A, command: [x]}]\n", ["is for kind: command"]),
        ("notify: [{kind: feishu, url_env: A, secret_env: B, secret_file: c}]\n",
         ["needs only one of secret_env"]),
        ("notify: {kind: slack}\n", ["notify: settings where a list of - {kind"]),
        ("notify: [{kind: slack, urll: x}]\n", ["notify[0].urll: unknown key", "url"]),
        (f"notify: [{{kind: slack, url: 'http{URL[5:]}'}}]\n", ["slack begin with https://"]),
    ],
)  # fmt: skip
def test_mistakes(text: str, said: list[str]) -> None:
    message = error(text)
    for part in said:
        assert part in message


@pytest.mark.parametrize(
    "text",
    [
        f"notify: {URL}\n",
        f"notify: [{URL}]\n",
        f"notify: [{{kind: slack, url: [{URL}]}}]\n",
        f"notify: [{{kind: slack, url: {{a: {URL}}}}}]\n",
        f"notify: [{{kind: slack, url: 'x{URL}'}}]\n",
        f"notify: [{{kind: slack, url: '{URL} x'}}]\n",
        f"notify: [{{kind: slack, url: 'http{URL[5:]}'}}]\n",
        f"notify: [{{kind: slack, url: '{URL}', secret: {SECRET}}}]\n",
        f"notify: [{{kind: feishu, url: '{URL}', secret: [{SECRET}]}}]\n",
        f'notify: [{{kind: feishu, url: "{URL}", secret: "{SECRET}\\n"}}]\n',
        f"notify:\n  - kind: slack\n    '{URL}': x\n",
        f"notify:\n  - kind: slack\n    url：{URL}\n",
        f"notify:\n  - kind: slack\n    url:{URL}\n    x\n",
        f"notify:\n  - kind: feishu\n    secret：{SECRET}\n",
        f"notify: [{{kind: command, command: ['{URL}', 3]}}]\n",
        f"notify: [{{kind: command, command: '{URL}'}}]\n",
        "notify: [{kind: feishu, url_env: A, secret: 2024-13-77}]\n",
    ],
)
def test_no_error_contains_a_secret(text: str) -> None:
    message = error(text)
    for part in ("T0KEN", "S1GN", "2024"):
        assert part not in message, message


@pytest.mark.parametrize(
    ("entry", "environ", "said"),
    [
        ("url_env: A", {}, "dsk.yaml: notify[0].url_env: the environment variable A is not set"),
        ("url_env: A", {"A": " "}, "is not set"),
        ("url_env: A", {"A": "T0KEN"}, "A has no URL in it"),
        ("url_env: A", {"A": f"{URL}\nx"}, "A has more than one line"),
        ("url_env: A", {"A": f"http{URL[5:]}"}, "begin with https://"),
        ("url_file: missing", {}, "missing cannot be read: No such file"),
        ("url_file: /", {}, "/ cannot be read: Is a directory"),
        ("url_file: /dev/null", {}, "/dev/null is empty"),
    ],
)
def test_secrets_that_cannot_be_read(entry: str, environ: dict[str, str], said: str) -> None:
    with pytest.raises(UserError) as caught:
        made(f"notify: [{{kind: slack, {entry}}}]\n", **environ)
    message = str(caught.value)
    assert said in message
    assert "T0KEN" not in message


def test_the_schema_knows_the_events() -> None:
    schema = json.loads((Path(__file__).parents[3] / "schema/dsk.schema.json").read_text())
    assert str(list(EVENTS))[1:-1].replace("'", '"') in json.dumps(schema)
