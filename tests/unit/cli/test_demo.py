"""What `dsk demo` prints at its end."""

from __future__ import annotations

from pathlib import Path

from dsk.cli.demo import summary
from dsk.cluster.model import Cluster, Local, Node
from dsk.demo.run import Demo
from dsk.text import Text

NODES = (Node(0, "10.0.0.11", 1, Local()), Node(1, "10.0.0.12", 1, Local()))


def test_the_summary() -> None:
    demo = Demo(Cluster("demo", NODES, Path("/d/dsk.yaml")), losses=[3.0, 2.5, 2.25])
    with demo.part(Text("training")):
        pass
    with demo.part(Text("training")):
        pass
    first, loss, adapter, *parts = summary(demo).in_language("en").splitlines()
    assert first == "2 nodes trained together, 3 steps"
    assert loss == "  loss     3.000 at the first step, 2.250 at the last"
    assert adapter == f"  adapter  {demo.adapter}"
    assert parts == ["    0.0 s  training"] * 2
    assert summary(demo).in_language("zh").splitlines() == [
        "2 个节点一起训练了 3 步",
        "  loss     第一步 3.000，最后一步 2.250",
        f"  适配器   {demo.adapter}",
        *["    0.0 秒  训练"] * 2,
    ]
