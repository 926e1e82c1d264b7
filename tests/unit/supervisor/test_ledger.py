"""Which failures are followed by another attempt, and how often."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dsk.supervisor.ledger import Fault, Ledger, fault_of
from dsk.supervisor.stalls import Stall
from dsk.supervisor.verdict import (
    CONFIGURATION,
    MOST,
    NO_PROGRESS,
    REPEATED,
    End,
    Restart,
    verdict,
)
from dsk.text import verbatim
from dsk.wire.events import Failure

KILLED = Failure(1.0, verbatim("rank 1 was killed"), 1, 1, -9)
RAISED = Failure(1.0, verbatim("rank 1 exited"), 1, 1, 1, lines=("  File x", "ValueError: no"))
LOST = Failure(1.0, verbatim("node1 was not heard"), 1)


def run(*faults: Fault, most: int | None = None) -> tuple[int, End]:
    """How many restarts these failures get, and what ends them."""
    ledger, restarts = Ledger(), 0
    for fault in faults:
        follows = verdict(KILLED, fault, ledger, restarts, most)
        if isinstance(follows, End):
            return restarts, follows
        assert follows.number == restarts + 1
        ledger, restarts = follows.ledger, follows.number
    return restarts, End(None)


def test_a_job_that_succeeds_or_wants_no_restarts_ends() -> None:
    assert verdict(None, None, Ledger(), 0, None) == End(None)
    assert verdict(KILLED, Fault("x"), Ledger(), 0, 0) == End(KILLED)


def test_the_same_failure_at_the_same_step_is_tried_once_more() -> None:
    sample = Fault("ValueError: #", 1, 1, 7)
    restarts, end = run(*[sample] * 5)
    assert restarts == 2, "after the first time, and after one exact repeat"
    assert end.failure is KILLED and end.why == REPEATED.filled(times=3)


def test_different_failures_without_progress() -> None:
    restarts, end = run(*(Fault("exit code -9", 1, rank, 7) for rank in range(9)))
    assert (restarts, end.why) == (3, NO_PROGRESS.filled(times=4))
    # An earlier step than that of a failure before is no progress.
    restarts, _ = run(*(Fault("node lost", 1, None, step) for step in (9, 8, 7, 6, 5, 4)))
    assert restarts == 3


def test_progress_gives_the_full_budget_back() -> None:
    same = [Fault("exit code -9", 1, 1, 7)] * 2
    on = [Fault("exit code -9", 1, 1, step) for step in (8, 9, 10)]
    restarts, end = run(*same, *on, *[on[-1]] * 5)
    assert restarts == 6 and end.why == REPEATED.filled(times=3)


def test_failures_before_the_first_step_begins() -> None:
    restarts, _ = run(*[Fault("exit code -9", 1, 1)] * 5)
    assert restarts == 2


def test_a_configuration_error_is_never_tried_again() -> None:
    restarts, end = run(Fault("ValueError: no", 1, 1, None, configuration=True))
    assert (restarts, end.why) == (0, CONFIGURATION)


def test_a_number_is_the_most() -> None:
    faults = [Fault("exit code -9", 1, 1, step) for step in range(9)]
    assert run(*faults) == (9, End(None))
    restarts, end = run(*faults, most=2)
    assert (restarts, end.why) == (2, MOST.filled(most=2))
    assert isinstance(verdict(KILLED, faults[0], Ledger(), 1, 2), Restart)


@pytest.mark.parametrize(
    ("failure", "trained", "configuration"),
    [
        (RAISED, False, True),
        (RAISED, True, False),
        (replace(RAISED, lines=()), False, True),  # exit code 1 and no word
        (KILLED, False, False),
        (replace(RAISED, code=0), False, False),
        (LOST, False, False),
        # DeepSpeed's launcher does not say which rank; its ssh may have failed.
        (Failure(1.0, verbatim("x"), 1, None, 1), False, True),
        (Failure(1.0, verbatim("x"), 1, None, 255), False, False),
    ],
)
def test_what_a_configuration_error_is(
    failure: Failure, trained: bool, configuration: bool
) -> None:
    fault = fault_of(failure, failure, 0, trained=trained)
    assert fault.configuration is configuration


@pytest.mark.parametrize(
    "line",
    [
        "torch.distributed.DistBackendError: NCCL error in: x.cpp:7",
        "RuntimeError: [gloo/transport/tcp/pair.cc:534] Connection closed by peer",
        "ConnectionResetError: [Errno 104] Connection reset by peer",
        "torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered",
        "OSError: [Errno 5] Input/output error",
        "[rank1]: torch.distributed.DistNetworkError: failed to recv",
    ],
)
def test_what_others_cause_is_no_configuration_error(line: str) -> None:
    failure = replace(RAISED, lines=("Traceback", line, "some more"))
    assert not fault_of(failure, failure, None, trained=False).configuration


def test_numbers_do_not_make_a_failure_another_one() -> None:
    def cause(text: str) -> str:
        failure = replace(RAISED, lines=(f"RuntimeError: {text}",))
        return fault_of(failure, failure, 3, trained=True).cause

    assert cause("index 17 at 0x7f3a is out of 4.5") == cause("index 3 at 0x01 is out of 7")
    assert cause("index 1") != cause("size 1")


def test_the_cause_of_other_failures() -> None:
    stall = Stall("training", 20.0, 10.0)
    hung = Failure(1.0, verbatim("no rank"), None)
    assert fault_of(hung, stall, 3, trained=True).cause == "stall in training"
    assert fault_of(LOST, LOST, 3, trained=True) == Fault("node lost", 1, None, 3)
    assert fault_of(KILLED, KILLED, 3, trained=True) == Fault("exit code -9", 1, 1, 3)
