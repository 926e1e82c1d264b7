"""What an exception's type and place tell, and when they tell nothing."""

from __future__ import annotations

import io

import pytest

from dsk.diagnose import Judge, load
from dsk.diagnose.raised import Frame, Raised, Rule

HEAD = "Traceback (most recent call last):\n"
REFUSED = (
    f"{HEAD}"
    '  File "/app/src/llamafactory/train/tuner.py", line 45, in run_exp\n'
    "    get_train_args(args)\n"
    '  File "/app/src/llamafactory/hparams/parser.py", line 204, in get_train_args\n'
    '    raise ValueError("a sentence that no entry knows")\n'
    "ValueError: a sentence that no entry knows\n"
)
CHAIN = "\n\nThe above exception was the direct cause of the following exception:\n\n"


def diagnosed(log: str) -> tuple[str | None, str]:
    found = Judge(load()).read(io.BytesIO(log.encode()))
    return found.id, found.cause.in_language("en") if found.cause else ""


def test_a_new_message_from_a_known_place_is_quoted() -> None:
    assert diagnosed(REFUSED) == (
        "recipe-refused",
        "LLaMA-Factory refuses a setting of the recipe: a sentence that no entry knows",
    )


def test_the_traceback_is_shown_as_well() -> None:
    found = Judge(load()).read(io.BytesIO(REFUSED.encode()))
    assert found.crash and found.crash.lines[-1].startswith("ValueError: a sentence")
    assert [line.number for line in found.evidence] == [6]


def test_a_wrapper_passes_to_the_first_of_the_chain() -> None:
    wrapper = f'{HEAD}  File "/work/run.py", line 3, in main\n    go()\nRuntimeError: failed\n'
    assert diagnosed(REFUSED + CHAIN + wrapper)[0] == "recipe-refused"


@pytest.mark.parametrize(
    "log",
    [
        REFUSED + "{'loss': 1.2}\n{'loss': 1.1}\n",
        REFUSED + "{'train_runtime': 12.5}\n",
        f"ERROR: the attempt hit an exception: {REFUSED}",
        "Exception in thread Thread-3 (read):\n" + REFUSED,
        f"Exception ignored in: <function f at 0x7f>\n{REFUSED}",
    ],
    ids=["training goes on", "ended well", "logged", "in a thread", "ignored"],
)
def test_what_ended_nothing_has_no_cause(log: str) -> None:
    assert diagnosed(log)[0] is None


def test_a_specific_entry_wins() -> None:
    log = REFUSED.replace("a sentence that no entry knows", "Undefined dataset x in dataset_info.")
    assert diagnosed(log)[0] != "recipe-refused"
    assert diagnosed(log.replace("_info.", "_info.json."))[0] == "dataset-undefined"


def test_two_errors_of_one_process_that_are_told_apart_name_none() -> None:
    other = f'{HEAD}  File "/work/run.py", line 3, in main\n    go()\nRuntimeError: no\n'
    assert diagnosed(REFUSED + "\n\n[INFO] retrying\n" + other)[0] is None
    assert diagnosed(REFUSED + "\n\n[INFO] retrying\n" + REFUSED)[0] == "recipe-refused"


def test_lines_left_out_above_the_exception_leave_its_place_open() -> None:
    cut = REFUSED.replace(
        '    raise ValueError("a', '    check(args)\n    ...\n    raise ValueError("a'
    )
    assert diagnosed(cut)[0] is None


def test_a_type_alone_tells_where_the_stack_was_printed() -> None:
    line = "ImportError: the library of it is not there\n"
    stack = f'{HEAD}  File "/work/run.py", line 3, in main\n    import it\n'
    assert diagnosed(line)[0] is None
    assert diagnosed(stack + line)[0] == "import-failed"


def test_the_module_of_a_type_is_a_place_as_well() -> None:
    stack = f'{HEAD}  File "/work/run.py", line 3, in main\n    read(it)\n'
    assert diagnosed(f"{stack}pyarrow.lib.ArrowInvalid: a new sentence\n")[0] == "data-unreadable"
    assert diagnosed(f"{stack}my.lib.ArrowInvalid: a new sentence\n")[0] is None


def test_a_deep_stack_keeps_its_innermost_frames() -> None:
    middle = '  File "/app/a.py", line 1, in f\n    f()\n' * 300
    assert diagnosed(REFUSED.replace(HEAD, HEAD + middle))[0] == "recipe-refused"


def test_a_frame_of_windows_and_of_rich() -> None:
    windows = REFUSED.replace("/app/src/llamafactory/hparams/", "D:\\app\\llamafactory\\hparams\\")
    assert diagnosed(windows)[0] == "recipe-refused"
    read = Raised.read("ValueError: x", [], ["│ /a/llamafactory/b.py:12 in go      │"])
    assert read and read.frames == (Frame("/a/llamafactory/b.py", "go"),)


def test_the_message_goes_on_below() -> None:
    read = Raised.read("a.b.Wrong: ", ["", "  the rest"], [])
    assert read and (read.name, read.quoted) == ("Wrong", "the rest")


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ({"type": "ValueError"}, "general type"),
        ({"type": "KeyError|RuntimeError"}, "general type"),
        ({"type": "Odd", "function": "f"}, "need a file"),
        ({"type": "Odd", "through": "true"}, "need a file"),
        ({"type": "Odd("}, "regular expression"),
    ],
)
def test_a_rule_that_says_too_much_is_refused(rule: dict[str, str], wrong: str) -> None:
    function, through = rule.get("function"), "through" in rule
    with pytest.raises(ValueError, match=wrong):
        Rule.read(rule["type"], None, function, None, through)
