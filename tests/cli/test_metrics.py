"""`dsk metrics` where no node can be reached, and what it writes."""

from __future__ import annotations

import json

from prometheus_client.parser import text_string_to_metric_families

from tests.cli.conftest import Dsk


def test_nodes_that_cannot_be_reached_are_a_metric(in_cluster: Dsk) -> None:
    out = in_cluster("metrics").out
    found = {family.name: family for family in text_string_to_metric_families(out)}
    assert {sample.value for sample in found["dsk_node_up"].samples} == {0}
    assert len(found["dsk_node_up"].samples) == 2


def test_a_file_is_replaced_in_one_step(in_cluster: Dsk) -> None:
    file = in_cluster.folder / "dsk.prom"
    file.write_text("old")
    before = file.stat().st_ino
    assert in_cluster("metrics", "-o", "dsk.prom").out == ""
    assert file.stat().st_ino != before
    assert file.stat().st_mode & 0o777 == 0o644, "node_exporter is another user"
    assert "dsk_node_up" in file.read_text()
    assert list(in_cluster.folder.glob("*dsk.prom*")) == [file]


def test_a_folder_that_is_not_there(in_cluster: Dsk) -> None:
    err = in_cluster("metrics", "-o", "missing/dsk.prom", code=2).err
    assert "missing/dsk.prom: cannot be written: No such file or directory" in err


def test_a_mistake_leaves_the_old_file(in_cluster: Dsk) -> None:
    file = in_cluster.folder / "dsk.prom"
    file.write_text("old")
    (in_cluster.folder / "dsk.yaml").write_text("name: L\n")
    in_cluster("metrics", "-o", "dsk.prom", code=2)
    assert file.read_text() == "old"


def test_the_dashboard(dsk: Dsk) -> None:
    """Without a cluster file."""
    assert json.loads(dsk("metrics", "--dashboard").out)["title"] == "dsk"
