"""What keeps workers from training together, in words. For checks and the supervisor."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from dsk.text import Text
from dsk.wire import checkpoints
from dsk.wire.checkpoints import Saved

SHORT = 19
NONE = "none"
PROTOCOL = Text(
    "its image speaks dsk protocol {here}, this dsk {own}",
    "它的镜像使用 dsk 协议 {here}，本机 dsk 使用 {own}",
)
ACCELERATOR = Text(
    "its worker uses {here}, dsk.yaml says {wanted}",
    "它的 worker 使用 {here}，dsk.yaml 里是 {wanted}",
)
IMAGE = Text(
    "its image differs from {others} ({difference})", "它的镜像与 {others} 不同（{difference}）"
)
UNWRITABLE = Text("{path} cannot be written: {why}", "{path} 无法写入：{why}")
FEWER_GPUS = Text(
    "slots: {slots}, but the worker sees {seen} GPU(s){problem}",
    "slots: {slots}，但 worker 只能看到 {seen} 块 GPU{problem}",
)
HALF_SHARED = Text(
    "the workspace is one disk for some nodes only: {groups}",
    "只有部分节点共用工作区磁盘：{groups}",
)
ALL_OR_NONE = Text("share it with all nodes or with none", "要么所有节点共享，要么都不共享")
RESUME = Text(
    "the nodes would resume from different checkpoints in {folder} ({listed})",
    "各节点会从 {folder} 里不同的 checkpoint 恢复（{listed}）",
)
_FROM_THE_BEGINNING = Text(
    "overwrite_output_dir=true to start from the beginning, or another output_dir",
    "overwrite_output_dir=true（从头开始），或换一个 output_dir",
)
_FROM_A_STEP = Text(
    "resume_from_checkpoint={folder}/checkpoint-{step}, or {other}",
    "resume_from_checkpoint={folder}/checkpoint-{step}，或 {other}",
)
READABLE = Text(
    "on that server, as root: {command}",
    "在该服务器上，以 root 执行：{command}",
)


def differences(here: Mapping[str, str], usual: Mapping[str, object]) -> list[str]:
    """Package by package; `none` where it is not there."""
    return [
        f"{name} {here.get(name, NONE)} instead of {usual.get(name, NONE)}"
        for name in sorted({*here, *usual})
        if here.get(name) != usual.get(name)
    ]


def instead_of(here: str, usual: str) -> str:
    """Content ids, as long as a person compares them."""
    return f"{here[:SHORT]} instead of {usual[:SHORT]}"


def resume(nodes: Mapping[str, Saved], folder: str) -> tuple[Text, Text] | None:
    """Where nodes (by name) would resume from different checkpoints: that, and what to do."""
    if not checkpoints.differ(nodes):
        return None
    listed = "; ".join(f"{name}: {checkpoints.newest(saved)}" for name, saved in nodes.items())
    fix, step = _FROM_THE_BEGINNING, checkpoints.newest_of_all(nodes)
    if step is not None:
        fix = _FROM_A_STEP.filled(folder=folder, step=step, other=fix)
    return RESUME.filled(folder=folder, listed=listed), fix


def readable(path: str, user: str) -> Text:
    """The command that lets the workers, which run as `user` ("": root), read `path` and what is
    below it."""
    chown = f"   # or: chown -R {user} {shlex.quote(path)}" if user else ""
    return READABLE.filled(command=f"chmod -R a+rX {shlex.quote(path)}{chown}")
