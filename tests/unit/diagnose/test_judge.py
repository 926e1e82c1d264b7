"""The first cause out of what several ranks said."""

from __future__ import annotations

import io

import pytest

from dsk.diagnose import Diagnosis, Judge, Place, load, of_events
from dsk.text import Language, verbatim
from dsk.wire.events import Event, Failure, Output, Phase

WATCHDOG = (
    "[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7753, OpType=ALLREDUCE,"
    " NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600061 milliseconds before timing out."
)
CLOSED = (
    "RuntimeError: [../gloo/transport/tcp/pair.cc:598] Connection closed by peer [10.0.0.1]:280"
)
FULL = "OSError: [Errno 28] No space left on device"
CRASH = [
    "Traceback (most recent call last):",
    '  File "train.py", line 3, in <module>',
    "    main()",
    "KeyError: 'prompt'",
]


def pasted(*lines: str) -> Diagnosis:
    return Judge(load()).read(io.BytesIO("\n".join(lines).encode()))


def job(*events: Event) -> Diagnosis:
    return Judge(load()).hear_all(of_events(events))


def out(at: float, node: int, rank: int, *lines: str) -> list[Event]:
    return [Output(at, node, rank, line) for line in lines]


def test_the_first_cause_and_not_the_loudest() -> None:
    found = pasted(
        f"[rank0]: {CLOSED}", f"[rank2]: {WATCHDOG}", f"[rank1]: {FULL}", f"[rank3]: {WATCHDOG}"
    )
    assert found.id == "disk-full"
    assert [line.place.rank for line in found.evidence] == [1]
    assert [each.entry.id for each in found.second_hand] == ["peer-closed", "nccl-watchdog"]


def test_of_two_causes_the_earlier() -> None:
    found = pasted(f"[rank1]: {FULL}", "[rank0]: ValueError: File /a not found.")
    assert found.id == "disk-full"
    assert [each.entry.id for each in found.others] == ["dataset-file-missing"]


def test_one_line_of_each_rank_is_the_evidence() -> None:
    found = pasted(*[f"[rank{rank}]: {FULL}" for rank in (4, 4, 2, 4)])
    assert [line.place.rank for line in found.evidence] == [4, 2]


def test_second_hand_errors_alone_are_no_cause() -> None:
    found = pasted(f"[rank2]: {WATCHDOG}")
    assert not found.found and found.id is None
    assert [each.entry.id for each in found.second_hand] == ["nccl-watchdog"]
    assert found.to_json("en")["second_hand"][0]["evidence"][0]["rank"] == 2


def test_an_unknown_error_shows_the_first_traceback_of_its_rank() -> None:
    lines = [f"[rank{rank}]: {line}" for line in CRASH for rank in (1, 0)]
    found = pasted(*lines, f"[rank0]: {CLOSED}")
    assert not found.found
    assert found.crash and found.crash.first.place.rank == 1
    assert found.crash.lines == CRASH


def test_torchs_word_on_whose_line_it_is_hides_no_traceback_of_a_job() -> None:
    """In a job the supervisor says whose each line is, and torch's prefix stands there as well."""
    crash = [f"[rank1]: {line}" for line in CRASH]
    failed = Failure(3.0, verbatim("rank 1 exited with code 1"), node=1, rank=1)
    alone = job(*out(1.0, 1, 1, *crash), failed)
    assert alone.crash and alone.crash.lines == CRASH
    later = job(*out(1.0, 1, 1, *crash), *out(2.0, 0, 0, f"[rank0]: {FULL}"), failed)
    assert later.id is None and later.crash


def test_what_is_tried_again_is_no_cause() -> None:
    tried = (
        "'(MaxRetryError(\"HTTPSConnectionPool(host='hub.example', port=443): Max retries exceeded "
        "with url: /a/resolve/main/merges.txt (Caused by NewConnectionError('unreachable'))\"))' "
        "thrown while requesting HEAD https://hub.example/a/resolve/main/merges.txt"
    )
    assert pasted(tried, "Retrying in 1s [Retry 1/5].", FULL).id == "disk-full"
    given_up = pasted(f"[rank0]: requests.exceptions.ConnectionError: {tried[1:]}")
    assert given_up.id == "hub-unreachable"
    assert given_up.cause and "from hub.example, which" in given_up.cause.in_language("en")


def test_a_chain_of_exceptions_is_one_traceback() -> None:
    link = "The above exception was the direct cause of the following exception:"
    found = pasted(*CRASH, "", link, "", *CRASH[:3], "OSError: Failed to load tokenizer.", "bye")
    assert found.crash
    expected = [*CRASH, link, *CRASH[:3], "OSError: Failed to load tokenizer.", "bye"]
    assert found.crash.lines == expected


def test_what_a_chain_began_with_explains_its_end() -> None:
    link = "During handling of the above exception, another exception occurred:"
    found = pasted(CRASH[0], FULL, "", link, "", *CRASH)
    assert found.id == "disk-full" and found.crash is None


def test_what_python_ignores_is_no_crash() -> None:
    found = pasted("Exception ignored in: <function Adam.__del__ at 0x7f>", *CRASH)
    assert found.crash is None


def test_the_order_is_the_supervisors_whatever_the_nodes_clocks_say() -> None:
    found = job(
        *out(10.0, 1, 1, "[2024-01-01 23:59:59] " + FULL),
        *out(10.5, 0, 0, "[2024-01-01 00:00:00] ValueError: File /a not found."),
        Failure(11.0, verbatim("rank 1 on node1 (10.0.0.2) exited with 1"), 1, 1, 1),
    )
    assert found.id == "disk-full"
    assert found.evidence[0].place == Place(1, None, 1) and found.evidence[0].at == 10.0


def test_the_rank_that_failed_with_something_unknown_is_not_covered_by_what_came_of_it() -> None:
    found = job(
        *out(10.0, 1, 1, *CRASH),
        *out(12.0, 0, 0, FULL),
        Failure(11.0, verbatim("rank 1 on node1 (10.0.0.2) exited with 1"), 1, 1, 1),
    )
    assert found.id is None
    assert found.crash and found.crash.first.place.rank == 1


def test_a_rank_that_is_killed_after_another_has_crashed_was_ended_by_the_launcher() -> None:
    killed = "[ERROR] [launch.py:341:sigkill_handler] ['train.py'] exits with return code = -9"
    found = pasted(*(f"[rank1]: {line}" for line in CRASH), killed)
    assert found.id is None and found.crash
    assert pasted(f"[rank0]: {CRASH[0]}", f"[rank0]: {CLOSED}", killed).id == "host-memory"


def test_a_failure_that_the_supervisor_repairs_by_itself_is_its_own_cause() -> None:
    said = Failure(5.0, verbatim("node1 (10.0.0.2): the images differ"), fix=verbatim("dsk up"))
    found = job(Phase(1.0, "starting", verbatim("connecting")), said)
    assert (found.found, found.id) == (True, "supervisor")
    assert found.fix and found.fix.in_language("zh") == "dsk up"


def test_a_killed_rank_is_known_from_the_supervisors_words() -> None:
    said = Failure(5.0, verbatim("rank 1 on node1 (10.0.0.2) was ended by signal 9"), 1, 1, -9)
    found = job(*out(4.0, 0, 0, CLOSED), said)
    assert found.id == "host-memory"


@pytest.mark.parametrize(
    ("language", "signal", "maybe"),
    [
        ("en", "killed by SIGKILL (signal 9)", "The usual reason"),
        ("zh", "被 SIGKILL（信号 9）杀死", "最常见的原因"),
    ],
)
def test_a_kill_alone_is_no_proof_of_full_memory(
    language: Language, signal: str, maybe: str
) -> None:
    killed = "[ERROR] [launch.py:341:sigkill_handler] ['train.py'] exits with return code = -9"
    found = pasted(killed).to_json(language)
    assert found["id"] == "host-memory"
    before, after = found["cause"].split("." if language == "en" else "。")[:2]
    assert signal in before and maybe in after
    assert "| grep OOMKilled" in found["fix"] and "dmesg" in found["fix"]
    assert "oom" in found["not_proved"]


def test_a_circumstance_is_shown_but_never_the_cause() -> None:
    hint = "Unable to find hostfile, will proceed with training with local resources only."
    alone = pasted(hint)
    assert alone.id is None and [each.entry.id for each in alone.others] == ["hostfile-missing"]
    found = pasted(hint, FULL)
    assert found.id == "disk-full" and found.others == ()
    unknown = pasted(hint, *CRASH)
    assert unknown.id is None and [each.entry.id for each in unknown.others] == ["hostfile-missing"]
    ended = "[ERROR] [launch.py:341:sigkill_handler] ['train.py'] exits with return code = 3"
    assert pasted(hint, WATCHDOG, ended).id is None


def test_a_finding_is_the_answer_where_nothing_else_is_known() -> None:
    nan = "{'loss': 0.0, 'grad_norm': nan, 'learning_rate': 4.5e-06, 'epoch': 0.66}"
    assert pasted(nan).id == "loss-nan"
    found = pasted(nan, FULL)
    assert found.id == "disk-full" and [each.entry.id for each in found.others] == ["loss-nan"]
    assert pasted(nan, *CRASH).id is None


def test_a_known_line_without_a_stack_does_not_cover_an_error_with_one() -> None:
    """A program may have logged the exception and gone on."""
    assert pasted(*CRASH, "", "MemoryError:").id is None
    assert pasted("MemoryError:", "", *CRASH).id is None
    assert pasted("MemoryError:").id == "host-memory-python"


def test_what_a_program_caught_is_no_failure() -> None:
    """Losses after it show that it went on; torch marks what nobody caught."""
    full = [CRASH[0], CRASH[1], FULL]
    went_on = ["{'loss': 1.2, 'epoch': 0.01}", "{'loss': 1.1, 'epoch': 0.02}"]
    killed = "[ERROR] [launch.py:341:sigkill_handler] ['train.py'] exits with return code = -9"
    assert pasted(*full, *went_on, killed).id == "host-memory"
    assert pasted(*full, killed).id == "disk-full"
    marked = [f"[rank1]: {line}" for line in full]
    assert pasted(*marked, *went_on, killed).id == "disk-full"


def test_thousands_of_caught_errors_do_not_hide_the_one_that_ended_the_run() -> None:
    caught = [*CRASH, "{'loss': 1.2, 'epoch': 0.01}", "{'loss': 1.1, 'epoch': 0.02}"]
    found = pasted(*caught * 3000, *CRASH[:3], "ValueError: the last one")
    assert found.crash and found.crash.lines[-1] == "ValueError: the last one"
    only_caught = pasted(*caught * 3000)
    assert only_caught.crash and only_caught.crash.lines == CRASH


def test_a_kill_after_an_unknown_error_explains_nothing() -> None:
    killed = "[ERROR] [launch.py:341:sigkill_handler] ['train.py'] exits with return code = -9"
    found = pasted(*CRASH, "", killed)
    assert found.id is None and found.crash and found.crash.lines == CRASH


def test_a_log_of_nothing() -> None:
    found = pasted("")
    assert not found.found and found.crash is None and found.to_json("en")["cause"] is None
