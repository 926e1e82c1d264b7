from __future__ import annotations

import json

import pytest

from dsk.wire.jobspec import JobNode, ProtocolMismatch
from dsk.wire.measure import (
    Complete,
    InfiniBand,
    Interface,
    Knock,
    Order,
    Speed,
    decode,
    encode,
    of_node,
)


@pytest.mark.parametrize(
    "measured",
    [
        Interface(1, "eth0", "", ("10.0.0.11/24",), 1500, True, True, 1000, "full"),
        Knock(2, "timeout"),
        Speed(0, 1, 9.4e9),
        Complete(1.5, 1),
    ],
)
def test_measurements_come_back_as_they_were(measured: object) -> None:
    assert decode(encode(measured)) == measured  # type: ignore[arg-type]


def test_what_a_node_measured_of_itself_is_known_by_its_name() -> None:
    eth0 = Interface(3, "eth0", "", ("10.0.0.11/24",), 1500, True, True)
    mlx5 = InfiniBand(3, "mlx5_0", 1, "4: ACTIVE", "100 Gb/sec", "InfiniBand", False)
    raw = [json.loads(encode(each)) for each in (eth0, mlx5)]
    for each in raw:
        del each["measured"], each["node"]
    look = {"interfaces": raw[:1], "infiniband": raw[1:], "interface": "eth0", "address": "x"}
    assert list(of_node(3, look)) == [eth0, mlx5]


def test_an_order_comes_back_and_another_protocol_is_refused() -> None:
    order = Order((JobNode(0, "10.0.0.11", (), 4),), 2222, speed=False)
    assert Order.from_json(order.to_json()) == order
    raw = json.loads(order.to_json())
    with pytest.raises(ProtocolMismatch):
        Order.from_json(json.dumps({**raw, "protocol": 1}))
