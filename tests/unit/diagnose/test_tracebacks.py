"""An unknown error is shown with its own traceback, in whatever form it was printed and pasted."""

from __future__ import annotations

import io

import pytest

from dsk.diagnose import Diagnosis, Judge, load

BODY = """Traceback (most recent call last):
  File "/w/train.py", line 3, in <module>
    main()
  File "/w/train.py", line 2, in main
    raise KeyError("prompt")
KeyError: 'prompt'"""
OTHER = """Traceback (most recent call last):
  File "/w/other.py", line 9, in <module>
    other()
ValueError: something else"""


def read(log: str | bytes) -> Diagnosis:
    raw = log if isinstance(log, bytes) else log.encode()
    return Judge(load()).read(io.BytesIO(raw))


def shown(log: str | bytes) -> list[str]:
    found = read(log)
    assert found.id is None and found.crash, found
    return list(found.crash.lines)


def prefixed(prefix: str, body: str = BODY) -> str:
    return "\n".join(prefix + line for line in body.splitlines())


@pytest.mark.parametrize(
    "prefix",
    [
        "[rank3]: ",
        "[default3]:",
        "0: ",
        "10.0.0.12: [rank3]: ",
        "worker-1  | ",
        "worker-1  | 2026-11-29T01:22:46.123456Z ",
        "[1,3]<stderr>:",
        "\x1b[36m(Trainer pid=1182, ip=10.0.0.2)\x1b[0m ",
        "Nov 29 01:22:46 node1 train[812]: ",
        "2026-11-29 01:22:46,123 ",
        "> ",
        "stderr: ",
        "    ",
    ],
)
def test_prefixes_are_no_part_of_it(prefix: str) -> None:
    assert shown(prefixed(prefix)) == BODY.splitlines()


@pytest.mark.parametrize("prefix", ["gpu-7#3 ", "job 17 task 3 >> ", "[train/0:stderr] "])
def test_a_prefix_that_nobody_knows_is_learned_from_the_traceback(prefix: str) -> None:
    assert shown(prefixed(prefix)) == BODY.splitlines()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_encodings_of_windows(encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-le" else ""
    text = mark + BODY.replace("\n", "\r\n") + "\r\n"
    assert shown(text.encode(encoding)) == BODY.splitlines()


def test_without_indentation() -> None:
    assert shown("\n".join(line.strip() for line in BODY.splitlines()))[-1] == "KeyError: 'prompt'"


def test_without_its_head() -> None:
    assert shown("\n".join(BODY.splitlines()[2:]))[-1] == "KeyError: 'prompt'"


def test_two_ranks_line_by_line() -> None:
    pairs = zip(
        prefixed("[rank0]: ").splitlines(), prefixed("[rank1]: ", OTHER).splitlines(), strict=False
    )
    log = "\n".join(line for pair in pairs for line in pair) + "\n[rank0]: KeyError: 'prompt'\n"
    assert "ValueError: something else" not in "\n".join(shown(log))


def test_the_first_of_several_is_shown() -> None:
    assert shown(prefixed("[rank2]: ") + "\n" + prefixed("[rank0]: ", OTHER))[-1].startswith("Key")


def test_ranks_that_print_in_one_anothers_lines_are_not_told_apart_by_guessing() -> None:
    log = prefixed("[rank2]: ") + "\n" + OTHER
    assert shown(log) == BODY.splitlines()


def test_a_box_of_rich() -> None:
    log = """╭─────────────────── Traceback (most recent call last) ───────────────────╮
│ /w/train.py:3 in <module>                                               │
│                                                                         │
│ ❱ 3 main()                                                              │
╰─────────────────────────────────────────────────────────────────────────╯
KeyError: 'prompt'"""
    assert shown(log)[-1] == "KeyError: 'prompt'"


def test_a_crash_of_native_code() -> None:
    log = """terminate called after throwing an instance of 'std::out_of_range'
  what():  vector::_M_range_check: __n (which is 3) >= this->size() (which is 3)
INFO one more line"""
    assert "_M_range_check" in "\n".join(shown(log))


def test_a_stack_of_faulthandler() -> None:
    log = """Fatal Python error: Aborted

Current thread 0x00007f1c (most recent call first):
  File "/w/train.py", line 3 in main
  File "/w/train.py", line 9 in <module>
INFO one more line"""
    lines = shown(log)
    assert lines[0] == "Fatal Python error: Aborted"
    assert '  File "/w/train.py", line 9 in <module>' in lines


def test_what_a_chain_of_exceptions_began_with_is_kept() -> None:
    link = "\n\nThe above exception was the direct cause of the following exception:\n\n"
    lines = shown(BODY + link + OTHER)
    assert "KeyError: 'prompt'" in lines and lines[-1] == "ValueError: something else"


def test_torchruns_list_of_later_failures_tells_nothing_of_the_first() -> None:
    log = """torch.distributed.elastic.multiprocessing.errors.ChildFailedError: 
============================================================
train.py FAILED
------------------------------------------------------------
Failures:
[1]:
  rank      : 0 (local_rank: 0)
  exitcode  : -9 (pid: 14689)
  traceback : Signal 9 (SIGKILL) received by PID 14689
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  rank      : 1 (local_rank: 1)
  exitcode  : 1 (pid: 14690)"""  # noqa: W291
    assert read(log).id is None


def test_a_log_that_ends_well_shows_no_traceback_that_was_caught() -> None:
    log = f"WARNING retrying after:\n{BODY}\nINFO retry succeeded\n{{'train_runtime': 3.2}}\n"
    assert read(log).id is None
