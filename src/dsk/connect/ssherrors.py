"""What the ssh program says when it fails, as errors with their remedy. Pure.

The texts are OpenSSH's own (ssh.c, sshconnect.c, sshconnect2.c, misc.c), read in 9.2.
"""

from __future__ import annotations

import re
import shlex

from dsk.cluster.model import SshTarget
from dsk.errors import Unreachable
from dsk.text import Text


class UnknownHostKey(Unreachable):
    """The server's host key is in none of the known_hosts files: the first contact."""


class ChangedHostKey(Unreachable):
    """The server shows another host key than the one that is known."""


# What ssh prints, the error's kind, what happened, what to do. Placeholders are _facts' and the
# pattern's own groups. The first that matches counts: ssh prints several of these together.
_RULES: tuple[tuple[str, type[Unreachable], Text, Text], ...] = (
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED"
        r"(?:.*Offending \S+ key in (?P<file>\S.*?):(?P<line>\d+))?",
        ChangedHostKey,
        Text(
            "the host key of {target} is not the known one. Somebody may be in between, or the "
            "server was installed again",
            "{target} 的主机密钥与已知的不同：可能有人在中间，或服务器已重装",
        ),
        Text(
            "if it was installed again, forget the old key: ssh-keygen {forget}-R {name}",
            "若已重装，请删除旧密钥：ssh-keygen {forget}-R {name}",
        ),
    ),
    (
        r"host key is known for|Host key verification failed",
        UnknownHostKey,
        Text("the host key of {target} is not known", "不知道 {target} 的主机密钥"),
        Text(
            "`dsk up` shows it and asks; with --accept-new-host-keys it does not ask",
            "`dsk up` 会显示并询问；加 --accept-new-host-keys 则不询问",
        ),
    ),
    (
        r"Permission denied \((?P<methods>[^)]*)\)",
        Unreachable,
        Text(
            "{target} refuses the login (it takes: {methods})",
            "{target} 拒绝登录（它接受：{methods}）",
        ),
        Text(
            "put your public key there: ssh-copy-id {port}{login} (a key with a passphrase has to "
            "be in your agent: ssh-add)",
            "把公钥放上去：ssh-copy-id {port}{login}（有口令的密钥要先加入 agent：ssh-add）",
        ),
    ),
    (
        r"Too many authentication failures",
        Unreachable,
        Text(
            "{target} refuses the login: too many keys were offered",
            "{target} 拒绝登录：提供的密钥太多",
        ),
        Text("name the right key in dsk.yaml (ssh.key)", "在 dsk.yaml 里写明正确的密钥（ssh.key）"),
    ),
    (
        r"Could not resolve hostname (?P<unresolved>\S+): (?P<why>[^\n]*)",
        Unreachable,
        Text(
            "the name {unresolved} cannot be resolved ({why})",
            "无法解析主机名 {unresolved}（{why}）",
        ),
        Text("correct it in dsk.yaml (nodes[].ssh)", "在 dsk.yaml 里改正（nodes[].ssh）"),
    ),
    (
        r"Connection refused",
        Unreachable,
        Text(
            "nothing listens at {target} (connection refused)",
            "{target} 没有服务在监听（连接被拒绝）",
        ),
        Text(
            "does the server's sshd run, and is this its port? (nodes[].ssh or ssh.port in "
            "dsk.yaml)",
            "服务器的 sshd 是否在运行，端口是否正确？（dsk.yaml 里的 nodes[].ssh 或 ssh.port）",
        ),
    ),
    (
        r"timed out|Connection timeout",
        Unreachable,
        Text("no answer from {target} (timed out)", "{target} 没有应答（超时）"),
        Text(
            "is it on, and is the port open in its firewall? Try: {command}",
            "它是否开机，防火墙是否放行该端口？试试：{command}",
        ),
    ),
    (
        r"No route to host|Network is unreachable",
        Unreachable,
        Text("there is no route to {target}", "没有到 {target} 的路由"),
        Text(
            "is it on, and in a network that this machine reaches? Try: {command}",
            "它是否开机，是否在本机可达的网络里？试试：{command}",
        ),
    ),
    (
        r"(?P<last>[^\n]*)\s*\Z",
        Unreachable,
        Text("ssh to {target} failed: {last}", "ssh 连接 {target} 失败：{last}"),
        Text("try: {command}", "试试：{command}"),
    ),
)


def ssh_error(stderr: str, target: SshTarget, where: str) -> Unreachable:
    """The typed error for what ssh printed when it could not connect, or lost the connection."""
    for pattern, kind, message, fix in _RULES:
        if match := re.search(pattern, stderr, re.DOTALL):
            facts = {**_facts(target), **match.groupdict()}
            facts["forget"] = f"-f {shlex.quote(facts['file'])} " if facts.get("file") else ""
            return kind(message.filled(**facts), where=where, fix=fix.filled(**facts))
    raise AssertionError("the last rule matches everything")


def _facts(target: SshTarget) -> dict[str, str]:
    port = f"-p {target.port} " if target.port not in (22, None) else ""
    key = f"-i {shlex.quote(str(target.key))} " if target.key else ""
    return {
        "target": str(target),
        "login": target.login,
        "port": port,
        "command": f"ssh {key}{port}{target.login}",
        "name": f"'[{target.host}]:{target.port}'" if port else target.host,
    }
