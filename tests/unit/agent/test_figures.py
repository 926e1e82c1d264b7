"""What an agent reports of its node, whatever the node's tools and disks do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from dsk.agent import figures
from dsk.agent.figures import Figures, gpu_reports
from tests.unit.conftest import FrozenDisk

ROW = "0, 97, 1000, 81559, 61, 650.12"


@pytest.fixture
def closed() -> Iterator[threading.Event]:
    made = threading.Event()
    yield made
    made.set()


def tool(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A maker's tool of the test's own."""
    path = folder / "tool"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    found = SimpleNamespace(figures=str(path))
    monkeypatch.setattr(figures, "accelerator", lambda _: found)


def wait_until(holds: Callable[[], bool], limit: float = 10.0) -> None:
    deadline = time.monotonic() + limit
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    "odd",
    ["", "WARNING: infoROM is corrupted at gpu 0000:3B:00.0", "1, 2, 3", "[N/A], 1, 2, 3, 4, 5"],
)
def test_an_odd_row_costs_no_other(odd: str) -> None:
    [gpu] = gpu_reports(f"{odd}\n{ROW}\n")
    assert (gpu.index, gpu.used, gpu.temperature) == (0, 97, 61)
    assert gpu.memory_total == 81559 << 20


def test_a_value_that_is_missing_costs_no_other() -> None:
    [gpu] = gpu_reports("0, [N/A], 1000, 81559, [Unknown Error], 650.12")
    assert (gpu.used, gpu.temperature, gpu.power) == (None, None, 650.12)


def test_what_is_no_text_does_not_end_the_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: threading.Event
) -> None:
    tool(tmp_path, rf"printf '\377\376\n{ROW}\n'", monkeypatch)
    made = Figures(str(tmp_path), closed)
    wait_until(lambda: len(made.report(1, "j", {}).gpus) == 1)


def test_a_tool_and_a_disk_that_wait_in_the_kernel_delay_no_report(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    closed: threading.Event,
    frozen: FrozenDisk,
) -> None:
    """Not even SIGKILL ends such a program: whoever waits for its end waits with it."""
    monkeypatch.setattr(figures, "GPU_LIMIT_S", 0.2)
    monkeypatch.setattr(figures, "EVERY_S", 0.1)
    monkeypatch.setattr(figures, "FRESH_S", 0.5)
    tool(
        tmp_path, f"echo '{ROW}'; test ! -e {tmp_path}/hang || echo > {frozen.path}/x", monkeypatch
    )
    made = Figures(str(tmp_path), closed)
    wait_until(lambda: len(made.report(1, "j", {}).gpus) == 1)
    frozen.freeze()
    (tmp_path / "hang").touch()
    # What is old is left out.
    wait_until(lambda: made.report(2, "j", {0: None}).gpus == ())
    found = made.report(2, "j", {0: None})
    assert frozen.is_frozen, "no report has waited for the disk"
    assert found.host.disk_free is not None and len(found.ranks) == 1
    frozen.thaw()
    (tmp_path / "hang").unlink()
    wait_until(lambda: len(made.report(3, "j", {}).gpus) == 1)


def test_a_report_that_fails_is_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: threading.Event
) -> None:
    sample = figures.Sample(iter([1, 2]).__next__, 0, closed)
    wait_until(lambda: sample.newest() == 1)
    answers: Iterator[int | OSError] = iter([OSError(5, "Input/output error"), 7])

    def ask() -> int:
        found = next(answers, 7)
        if isinstance(found, OSError):
            raise found
        return found

    monkeypatch.setattr(figures, "EVERY_S", 0.1)
    broken = figures.Sample(ask, 0, closed)
    wait_until(lambda: broken.newest() == 7)


def test_the_bytes_of_the_interface_and_of_all_rdma_ports_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: threading.Event
) -> None:
    def counter(path: str, value: str) -> None:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(value)

    counter("net/eth1/statistics/rx_bytes", "500\n")
    counter("net/eth1/statistics/tx_bytes", "700\n")
    counter("net/lo/statistics/rx_bytes", "9\n")
    counter("rdma/mlx5_0/ports/1/counters/port_rcv_data", "10\n")
    counter("rdma/mlx5_1/ports/1/counters/port_rcv_data", "20\n")
    counter("rdma/mlx5_1/ports/2/counters/port_rcv_data", "N/A\n")
    monkeypatch.setattr(figures, "NETWORK", tmp_path / "net")
    monkeypatch.setattr(figures, "RDMA", tmp_path / "rdma")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth1")
    host = Figures(str(tmp_path), closed).report(1, "j", {}).host
    assert (host.network_received, host.network_sent) == (500, 700)
    assert (host.rdma_received, host.rdma_sent) == (120, None)
    monkeypatch.delenv("GLOO_SOCKET_IFNAME")
    assert Figures(str(tmp_path), closed).report(1, "j", {}).host.network_received is None
