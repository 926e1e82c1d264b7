"""The demo's place on a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsk.demo import site, training
from dsk.errors import DskError


def test_the_first_subnet_that_nobody_uses() -> None:
    assert site.free_subnet([]) == site.SUBNETS[0]
    assert site.free_subnet(["10.213.77.0/24", "fd00::/64"]) == site.SUBNETS[1]
    assert site.free_subnet(["10.213.76.0/23"]) == site.SUBNETS[1]
    with pytest.raises(DskError, match="no free subnet"):
        site.free_subnet(["10.0.0.0/8"])


def test_every_node_has_an_address_and_a_workspace_of_its_own(tmp_path: Path) -> None:
    made = site.cluster(tmp_path, site.SUBNETS[0], "dsk:cu128", "cpu", cores=3)
    assert [node.host for node in made.nodes] == ["10.213.77.11", "10.213.77.12"]
    assert len({made.workspace_source(node) for node in made.nodes}) == 2
    assert made.demo is not None and made.demo.cpus == 1.5


def test_losses_in_order() -> None:
    log = ['{"current_steps": 1, "loss": 2.5}', "", '{"loss": 2}', '{"eval_loss": 1}']
    assert training.losses(log) == [2.5, 2.0]
