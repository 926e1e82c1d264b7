"""Settings that depend on how many nodes there are and what they share; and what the job does."""

from __future__ import annotations

import pytest

from dsk.errors import UserError

from .conftest import MINIMAL, Run, changed, english


@pytest.mark.parametrize(
    ("line", "override", "after"),
    [
        ("ddp_timeout: 180000000\n", (), 7200),
        ("ddp_timeout: 7200\n", (), 7200),
        ("ddp_timeout: 600\n", (), 600),
        ("", (), None),
        ("ddp_timeout: 600\n", ("ddp_timeout=180000000",), 180000000),
    ],
)
def test_ddp_timeout(run: Run, line: str, override: tuple[str, ...], after: int | None) -> None:
    recipe = run(line, *override)
    assert recipe.values.get("ddp_timeout") == after
    assert ("ddp_timeout" in changed(recipe)) == (after == 7200 and "180" in line)


@pytest.mark.parametrize(
    ("shared", "line", "each", "data_shared"),
    [
        (False, "", True, None),
        (None, "", True, None),
        (True, "", None, None),
        (False, "data_shared_file_system: true\n", True, False),
        (None, "data_shared_file_system: true\n", None, True),
        (True, "data_shared_file_system: true\n", None, True),
        (False, "save_on_each_node: false\n", False, None),
        (True, "save_on_each_node: true\n", False, None),
        (False, "save_on_each_node: true\n", True, None),
    ],
)
def test_disks(
    run: Run, shared: bool | None, line: str, each: bool | None, data_shared: bool | None
) -> None:
    recipe = run(line, shared_workspace=shared)
    assert recipe.values.get("save_on_each_node") is each
    assert recipe.values.get("data_shared_file_system") is data_shared


def test_one_node_needs_no_change(run: Run) -> None:
    line = "data_shared_file_system: true\nsave_on_each_node: false\n"
    recipe = run(line, nodes=1, shared_workspace=False)
    assert not {"save_on_each_node", "data_shared_file_system"} & set(changed(recipe))


def test_the_command_line_is_kept_with_a_notice(run: Run) -> None:
    recipe = run("", "data_shared_file_system=true", shared_workspace=False)
    assert recipe.values["data_shared_file_system"] is True
    assert any(line.startswith("data_shared_file_system: kept") for line in english(recipe.notices))


def test_saving_on_the_first_node_only_is_warned_of(run: Run) -> None:
    recipe = run("save_on_each_node: false\n", shared_workspace=False)
    assert any("cannot resume" in line for line in english(recipe.notices))


def test_an_unknown_disk_is_said(run: Run) -> None:
    assert any("share the workspace" in line for line in english(run().unchecked))


@pytest.mark.parametrize("line", ["", "do_train: false\n", "do_train: null\n"])
def test_a_job_that_does_nothing_is_refused(run: Run, line: str) -> None:
    with pytest.raises(UserError, match="without training") as caught:
        run(text=MINIMAL.replace("do_train: true\n", line))
    assert caught.value.fix == "write do_train: true"


@pytest.mark.parametrize("key", ["do_eval", "do_predict"])
def test_evaluation_alone_is_said(run: Run, key: str) -> None:
    recipe = run("", "do_train=false", f"{key}=true")
    assert any("trains nothing" in line for line in english(recipe.notices))


def test_training_without_data(run: Run) -> None:
    with pytest.raises(UserError, match="dataset: is missing"):
        run(text=MINIMAL.replace("dataset: identity\n", ""))


@pytest.mark.parametrize(
    ("accelerator", "lines", "use_cpu"),
    [
        ("cpu", "bf16: true\n", True),
        ("cpu", "", None),
        ("cpu", "bf16: true\nuse_cpu: false\n", False),
        ("cuda", "bf16: true\n", None),
    ],
)
def test_bf16_on_cpu(run: Run, accelerator: str, lines: str, use_cpu: bool | None) -> None:
    assert run(lines, accelerator=accelerator).values.get("use_cpu") is use_cpu
