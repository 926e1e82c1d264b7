"""An image's facts against the lock, its own build and another node's image."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsk import DISTRIBUTION, __version__
from dsk.cluster.model import Local, Node
from dsk.errors import DskError
from dsk.image.compare import Finding, against_build, against_lock, against_node
from dsk.image.stacklock import Lock, is_version, known_stacks, locked, pinned
from dsk.image.verify import Look, Verdict, judge
from dsk.wire.imagefacts import ImageFacts

NODE = Node(0, "10.0.0.11", 1, Local())
ONE, TWO = "1" * 64, "2" * 64
FACTS = ImageFacts(
    stack="cu128",
    dsk=__version__,
    python={"torch": "2.9.1+cu128", "numpy": "2.4.6"},
    debian={"pdsh": "2.34"},
    recorded_debian={"pdsh": "2.34"},
    content_id=f"sha256:{ONE}",
    recorded_content_id=f"sha256:{ONE}",
    files={"/opt/llamafactory/src/train.py": ONE},
    recorded_files={"/opt/llamafactory/src/train.py": ONE},
    proofs={"read_args": ""},
)
LOCK = Lock("cu128", {"torch": "2.9.1", "numpy": "2.4.6"})


def texts(findings: list[Finding]) -> list[str]:
    return [finding.text.in_language("en") for finding in findings]


def test_an_image_as_it_was_built() -> None:
    assert against_lock(FACTS, LOCK) == []
    assert against_build(FACTS) == []
    assert against_node(FACTS, FACTS, "node0") == []


def test_every_difference_to_the_lock_names_both_versions() -> None:
    python = {"torch": "2.9.0", "gradio": "5.0"}
    assert texts(against_lock(replace(FACTS, python=python), LOCK)) == [
        "package gradio: 5.0 here, not locked",
        "package numpy: not here, 2.4.6 locked",
        "package torch: 2.9.0 here, 2.9.1 locked",
    ]


def test_what_changed_since_the_build() -> None:
    changed = replace(
        FACTS,
        debian={"pdsh": "2.35"},
        files={"/opt/llamafactory/src/train.py": TWO, "/opt/llamafactory/new.py": ONE},
        content_id=f"sha256:{TWO}",
        proofs={"read_args": "read_args gave []"},
        altered={"/opt/venv/bin/torchrun": "missing"},
    )
    built = "when the image was built"
    assert texts(against_build(changed)) == [
        f"Debian package pdsh: 2.35 here, 2.34 {built}",
        f"file /opt/llamafactory/new.py: 111111111111 here, not {built}",
        f"file /opt/llamafactory/src/train.py: 222222222222 here, 111111111111 {built}",
        f"content id: 222222222222 here, 111111111111 {built}",
        "/opt/venv/bin/torchrun: missing",
        "read_args: read_args gave []",
    ]


def test_nodes_that_differ() -> None:
    other = replace(FACTS, files={"/opt/llamafactory/src/train.py": TWO})
    assert texts(against_node(FACTS, other, "node0")) == [
        "file /opt/llamafactory/src/train.py: 111111111111 here, 222222222222 on node0"
    ]
    none = replace(FACTS, stack="none", python={})
    assert texts(against_node(none, FACTS, "node0")) == ["stack name: none here, cu128 on node0"]


def test_a_stack_that_this_dsk_does_not_know() -> None:
    found = judge(Look("sha256:1", "", replace(FACTS, stack="../cu128")))
    assert texts(found)[0].startswith("stack name: ../cu128 here, cu128 or seed known to this dsk")


def test_the_same_in_chinese() -> None:
    changed = replace(FACTS, python={"torch": "2.9.0", "gradio": "5.0"}, content_id="sha256:0")
    found = [*against_lock(changed, LOCK), *against_node(changed, FACTS, "node0")[-1:]]
    assert [finding.text.in_language("zh") for finding in found] == [
        "Python 包 gradio：这里是 5.0，锁定文件中没有",
        "Python 包 numpy：这里没有，锁定文件中为 2.4.6",
        "Python 包 torch：这里是 2.9.0，锁定文件中为 2.9.1",
        "内容 ID：这里是 sha256:0，node0 上为 111111111111",
    ]


def test_a_worker_that_still_runs_the_old_image() -> None:
    facts = replace(FACTS, stack="none")
    assert judge(Look("sha256:1", "sha256:1", facts)) == []
    (found,) = judge(Look("sha256:1", "sha256:0", facts))
    assert texts([found])[0].startswith("worker image: sha256:0 here, sha256:1")


@pytest.mark.parametrize(
    ("installed", "wanted", "equal"),
    [
        ("2.9.1", "2.9.1", True),
        ("2.9.1+cu128", "2.9.1", True),
        ("2.9.1+cu126", "2.9.1+cu128", False),
        ("2.9.1", "2.9.1+cu128", False),
        ("2.9.10", "2.9.1", False),
    ],
)
def test_versions_as_pip_compares_them(installed: str, wanted: str, equal: bool) -> None:
    assert is_version(installed, wanted) == equal


def test_a_lock_is_read() -> None:
    text = "Jinja2==3.1 \\\n    --hash=sha256:0\n# a==1\ntyping_extensions==4 ; x == 'y'\n"
    assert pinned(text) == {"jinja2": "3.1", "typing-extensions": "4"}


@pytest.mark.parametrize("stack", known_stacks())
def test_every_stack_locks_what_it_is_for(stack: str) -> None:
    lock = locked(stack)
    assert lock
    assert {
        "torch",
        "deepspeed",
        "llamafactory",
        "transformers",
        DISTRIBUTION,
    } <= lock.python.keys()
    assert locked("none") is None


def test_the_facts_survive_the_way() -> None:
    assert ImageFacts.from_json(FACTS.to_json()) == FACTS
    for text in ("", "[]", '{"stack": "cu128"}'):
        with pytest.raises((ValueError, TypeError)):
            ImageFacts.from_json(text)


def test_the_shape_that_programs_read() -> None:
    seen = Verdict(str(NODE), NODE, FACTS, tuple(against_lock(FACTS, Lock("cu128", {}))))
    told = seen.to_json()
    assert told["findings"][0] == {
        "kind": "package", "subject": "numpy", "here": "2.4.6", "wanted": None, "by": "locked",
    }  # fmt: skip
    assert told["problem"] is None and told["packages"] == 2
    assert (told["node"], told["host"]) == (0, "10.0.0.11")
    lost = Verdict("this machine", error=DskError("gone", where="node1")).to_json()
    assert lost.keys() == told.keys()
    assert lost["problem"] == "node1: gone" and lost["stack"] is None
