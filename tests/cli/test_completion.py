"""Completion in shells: in a real bash, and what the others are told."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import DSK, Dsk

BASH = """\
source completion.bash
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
function=$(complete -p dsk | sed -E 's/.*-F ([^ ]+) .*/\\1/')
"$function" dsk "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
WORDS: list[tuple[tuple[str, ...], set[str]]] = [
    (("dsk", "la"), {"launch"}),
    (("dsk", "image", "s"), {"save", "sync"}),
    (("dsk", "push", "--node", ""), {"node0", "node1"}),
    (("dsk", "push", "--node", "node1"), {"node1"}),
    (("dsk", "-f", "other.yaml", "exec", "--node", "n"), {"node0"}),
    (("dsk", "launch", "--launcher", ""), {"direct", "deepspeed"}),
    (("dsk", "launch", "--dry"), {"--dry-run"}),
    (("dsk", "completion", ""), {"bash", "zsh", "fish"}),
]


@pytest.fixture
def cluster(in_cluster: Dsk) -> Dsk:
    (in_cluster.folder / "other.yaml").write_text(
        "name: other\nnodes:\n  - {host: 10.0.0.1, slots: 1}\n"
    )
    return in_cluster


def test_in_bash(cluster: Dsk) -> None:
    (cluster.folder / "completion.bash").write_text(cluster("completion", "bash").out)
    path = f"{Path(DSK).parent}:/usr/bin:/bin"
    for words, wanted in WORDS:
        done = subprocess.run(
            ["bash", "--norc", "-c", BASH, "bash", *words],
            cwd=cluster.folder, env={"PATH": path}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert (set(done.stdout.split()), done.stderr) == (wanted, ""), words


def test_a_cluster_file_with_mistakes_completes_nothing(cluster: Dsk) -> None:
    (cluster.folder / "dsk.yaml").write_text("name: [\n")
    asked: dict[str, Any] = {"COMP_WORDS": "dsk push --node n", "COMP_CWORD": "3"}
    done = cluster(_DSK_COMPLETE="bash_complete", **asked)
    assert (done.out.strip(), done.err) == ("", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells(cluster: Dsk, shell: str) -> None:
    script = cluster("completion", shell).out
    assert f"_DSK_COMPLETE={shell}_complete" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)
    last = {"zsh": "3", "fish": "n"}[shell]
    asked: dict[str, Any] = {"COMP_WORDS": "dsk push --node n", "COMP_CWORD": last}
    if shell == "fish":
        asked["COMP_WORDS"] = "dsk push --node "
    out = cluster(_DSK_COMPLETE=f"{shell}_complete", **asked).out
    assert "node0" in out and "10.255.255.11" in out


def test_a_shell_that_nobody_knows(dsk: Dsk) -> None:
    assert "'tcsh' is not one of" in dsk("completion", "tcsh", code=2).err
