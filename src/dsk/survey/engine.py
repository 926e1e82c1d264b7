"""What the `docker` program's refusals mean. Pure."""

from __future__ import annotations

from dsk.errors import DskError, Unreachable
from dsk.text import Text

START = Text("there: sudo systemctl start docker", "在该服务器上：sudo systemctl start docker")


def engine_error(stderr: str, where: str) -> DskError:
    """What the `docker` program printed when it failed, with the remedy. Pure."""
    text = stderr.lower()
    if "permission denied" in text and ("docker.sock" in text or "daemon socket" in text):
        return Unreachable(
            Text(
                "this login may not use the Docker engine (permission denied)",
                "该登录用户无权使用 Docker 引擎（permission denied）",
            ),
            where=where,
            fix=Text(
                'there: sudo usermod -aG docker "$USER", then log in again; or use root (ssh.user)',
                '在该服务器上：sudo usermod -aG docker "$USER"，再重新登录；或用 root（ssh.user）',
            ),
        )
    if "cannot connect to the docker daemon" in text or "is the docker daemon running" in text:
        return Unreachable(
            Text("the Docker engine is not running", "Docker 引擎没有运行"),
            where=where,
            fix=START,
        )
    if "not found" in text and "docker" in text:
        return Unreachable(
            Text("Docker is not installed", "没有安装 Docker"),
            where=where,
            fix=Text(
                "there: install Docker Engine with Compose v2: "
                "https://docs.docker.com/engine/install/",
                "在该服务器上安装 Docker Engine 和 Compose v2："
                "https://docs.docker.com/engine/install/",
            ),
        )
    last = (stderr.strip().splitlines() or ["no answer"])[-1]
    silent = Text("the Docker engine does not answer: {last}", "Docker 引擎没有应答：{last}")
    return Unreachable(silent.filled(last=last), where=where, fix=START)
