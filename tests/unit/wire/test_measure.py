from __future__ import annotations

import json

import pytest

from dsk.wire.jobspec import JobNode, ProtocolMismatch
from dsk.wire.measure import (
    Complete,
    Interface,
    Knock,
    Order,
    Speed,
    decode,
    encode,
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


def test_an_order_comes_back_and_another_protocol_is_refused() -> None:
    order = Order((JobNode(0, "10.0.0.11", (), 4),), 2222, speed=False)
    assert Order.from_json(order.to_json()) == order
    raw = json.loads(order.to_json())
    with pytest.raises(ProtocolMismatch):
        Order.from_json(json.dumps({**raw, "protocol": 1}))
