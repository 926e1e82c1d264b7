"""dsk starts ranks as DeepSpeed's own launch.py does, which is run for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsk.plan import direct
from dsk.wire.jobspec import JobNode
from tests.image.engine import Image
from tests.unit.wire.test_messages import SPEC

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]

PORT = 29511
UNEVEN = (JobNode(0, "10.0.0.11", (0, 2, 3), 4), JobNode(2, "10.0.0.12", (1, 3), 4))
EVEN = (JobNode(0, "10.0.0.11", (1, 3), 4), JobNode(1, "10.0.0.12", (0, 1), 2))
PLACES = [(nodes, node) for nodes in (UNEVEN, EVEN) for node in nodes]


def test_every_variable_is_as_launch_py_sets_it(image: Image) -> None:
    questions = [
        {
            "world": {each.host: list(each.slots) for each in nodes},
            "node_rank": nodes.index(node),
            "master_addr": nodes[0].host,
            "master_port": PORT,
        }
        for nodes, node in PLACES
    ]
    answers = image.script("launch.py", questions, limit_s=580)
    for (nodes, node), said in zip(PLACES, answers, strict=True):
        spec = replace(SPEC, nodes=nodes, env={})
        plans = direct.ranks_of(spec, node, master_port=PORT)
        assert len(plans) == len(said) == len(node.slots)
        for plan, theirs in zip(plans, said, strict=True):
            contract = {name: plan.env[name] for name in plan.env if name != "DSK_JOB"}
            assert contract == {name: theirs["env"].get(name) for name in contract}
            assert plan.argv[4] == theirs["argv"][0]
            assert len(theirs["argv"]) == 3
