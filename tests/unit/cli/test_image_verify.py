"""What `dsk image verify` prints for people."""

from __future__ import annotations

import pytest

from dsk.cli.image.verify import SHOWN, describe
from dsk.cluster.model import Local, Node
from dsk.connect import THIS_MACHINE
from dsk.errors import DskError
from dsk.image.compare import LOCKED, Finding
from dsk.image.verify import Verdict
from dsk.text import Language
from dsk.wire.imagefacts import ImageFacts

FACTS = ImageFacts("cu128", "0.1.0", {"a": "1"}, {}, {}, "sha256:1", "sha256:1", {}, {}, {})
NODE = Node(0, "10.0.0.11", 1, Local())
FOUND = (Finding("package", "a", "1", "2", LOCKED),) * (SHOWN + 1)


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "en",
            [
                "this machine: as locked: stack cu128, 1 Python and 0 Debian packages; sha256:1",
                f"{NODE}: found in the image of stack cu128: 21",
                "  package a: 1 here, 2 locked",
                "  … and 1 more: --json has all",
                f"{NODE}: not seen",
            ],
        ),
        (
            "zh",
            [
                "本机：与锁定文件一致：stack cu128，1 个 Python 包和 0 个 Debian 包；sha256:1",
                f"{NODE}：stack cu128 的镜像中发现 21 处不一致",
                "  Python 包 a：这里是 1，锁定文件中为 2",
                "  …… 还有 1 处：--json 给出全部",
                f"{NODE}：未能查看",
            ],
        ),
    ],
)
def test_each_place(language: Language, lines: list[str]) -> None:
    verdicts = [
        Verdict(THIS_MACHINE, facts=FACTS),
        Verdict(str(NODE), NODE, FACTS, FOUND),
        Verdict(str(NODE), NODE, error=DskError("gone")),
    ]
    shown = describe(verdicts).in_language(language).splitlines()
    assert list(dict.fromkeys(shown)) == lines
    assert len(shown) == len(lines) + SHOWN - 1
