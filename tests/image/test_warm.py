"""Ranks forked from the warm process (docs/warm-starts.md), against ranks that start cold."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from dsk.cluster.model import User
from tests.image.engine import SCRIPTS, Image
from tests.image.workers import running

pytestmark = pytest.mark.timeout(900)
LIMIT_S = 880
TRAINING_LIMIT_S = 2400
OPTIONS = ("--network=none", "--shm-size=1g")
AGAIN = 10
DPO = {"stage": "dpo", "dataset": "dpo_en_demo"}
FOUR_BITS = {"quantization_bit": 4}
CONFIGS = "/opt/llamafactory/examples/deepspeed"
OTHER_PRESETS = ("z0", "z2_offload", "z3", "z3_offload")
RUNS: dict[str, dict[str, Any]] = {
    "full": {},
    "lora": {"finetuning_type": "lora"},
    "qlora": {"finetuning_type": "lora", **FOUR_BITS},
    "dpo": {**DPO, "finetuning_type": "lora"},
    "dpo_full": DPO,
    "dpo_qlora": {**DPO, "finetuning_type": "lora", **FOUR_BITS},
    "kto": {"stage": "kto", "dataset": "kto_en_demo", "finetuning_type": "lora"},
    "rm": {"stage": "rm", "dataset": "dpo_en_demo", "finetuning_type": "lora"},
    "pt": {"stage": "pt", "dataset": "c4_demo"},
    **{preset: {"deepspeed": f"{CONFIGS}/ds_{preset}_config.json"} for preset in OTHER_PRESETS},
}
"""Each with ZeRO-2, but for the presets."""
LEFT_TO_IMPORT = 60
"""Modules, of some 6,500, that a rank may import itself."""
MORE_KB = 20_000


def script(image: Image, name: str, asked: object = None) -> Any:
    return image.script(name, asked, options=OPTIONS, limit_s=LIMIT_S)


@pytest.fixture(autouse=True, scope="module")
def _has_a_list(image: Image, stack: dict[str, Any]) -> None:
    if not (Path(__file__).parents[2] / "stacks" / stack["name"] / "warm-modules.txt").exists():
        pytest.skip("this stack's ranks start cold")


@pytest.fixture(scope="module")
def alike(image: Image) -> dict[str, Any]:
    found: dict[str, Any] = script(image, "warm_like_cold.py")
    assert found["notes"] == ["", ""], "both were forked"
    return found


def test_a_fork_sees_what_a_fresh_start_sees(alike: dict[str, Any]) -> None:
    cold = alike["cold"]["same"]
    for warm in (each["same"] for each in alike["warm"]):
        # What imports add, in a cold rank too, only later.
        added = {"PYTORCH_NVML_BASED_CUDA_CHECK", "TORCHINDUCTOR_CACHE_DIR"}
        assert {n: v for n, v in warm["env"].items() if n not in added} == cold["env"]
        assert warm["path"][: len(cold["path"])] == cold["path"]
        # The C library's own handler, once there has been a thread.
        assert int(warm["status"].pop("SigCgt"), 16) & ~(1 << 32) == int(
            cold["status"]["SigCgt"], 16
        )
        for name, value in cold.items():
            if name == "status":
                value = {n: v for n, v in value.items() if n != "SigCgt"}  # noqa: PLW2901
            if name not in ("env", "path"):
                assert warm[name] == value, name


def test_forks_share_no_chance(alike: dict[str, Any]) -> None:
    drawn = [each["chance"] for each in (alike["cold"], *alike["warm"])]
    for name in drawn[0]:
        assert len({each[name] for each in drawn}) == 3, name


@pytest.fixture(scope="module")
def ends(image: Image) -> dict[str, Any]:
    # It starts itself again, as another agent.
    code = (SCRIPTS / "warm_ends.py").read_text()
    done = image.run(["/opt/venv/bin/python", "-c", code, code], options=OPTIONS, limit_s=LIMIT_S)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "name", ["well", "code", "text", "raises", "hard", "killed", "segfault", "at_exit"]
)
def test_a_fork_ends_as_a_program(ends: dict[str, Any], name: str) -> None:
    assert ends[name]["warm"] == ends[name]["cold"]


def test_an_interrupted_fork_ends_by_its_signal(ends: dict[str, Any]) -> None:
    cold, warm = ends["interrupted"]["cold"], ends["interrupted"]["warm"]
    assert warm["code"] == cold["code"] == -2
    assert warm["output"].splitlines()[-1] == cold["output"].splitlines()[-1]


def test_a_job_finds_and_ends_its_forks(ends: dict[str, Any]) -> None:
    assert (ends["of_job"], ends["left"], ends["ended"]) == (True, 0, -15)


def test_a_rank_dies_with_its_keeper_and_is_reported(ends: dict[str, Any]) -> None:
    assert ends["keeper_killed"] == -9


def test_what_a_fork_leaves_behind_is_ended(ends: dict[str, Any]) -> None:
    assert ends["helper"]["code"] == 0 and ends["helper"]["left"] == []
    assert ends["helper"]["seconds"] < 30, "not only when it ended by itself"


def test_ranks_outlive_the_warm_process(ends: dict[str, Any]) -> None:
    assert ends["warm_killed"] == {"runs": True, "code": 5}
    assert "no warm process answers" in ends["without"]["note"] and ends["without"]["code"] == 0
    assert ends["gone"]["state"] == "gone"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("too_long", "too long"),
        ("umask", "differs from the job's agent in Umask"),
        ("other", "started with a different HF_HOME"),
        ("changed", "own_module.py has changed"),
    ],
)
def test_what_cannot_be_forked_starts_cold_and_says_why(
    ends: dict[str, Any], name: str, reason: str
) -> None:
    assert reason in ends[name]["note"] and ends[name]["code"] == 0


def test_a_rank_that_asks_for_it_starts_cold_without_a_word(ends: dict[str, Any]) -> None:
    assert ends["asked_cold"] == ends["again"] == {"code": 0, "output": "", "note": ""}


def test_the_warm_process_is_replaced_when_the_refused_agent_has_ended(
    ends: dict[str, Any],
) -> None:
    assert ends["other_again"]["note"] == ends["changed_again"]["note"] == ""
    assert ends["same_process"]


@pytest.mark.parametrize("user", [None, User(1234, 2345)], ids=["root", "user"])
def test_an_agent_gets_forks_from_the_process_that_its_worker_keeps(
    image: Image, tmp_path: Path, user: User | None
) -> None:
    """Over sshd, with the bundle that dsk renders: nothing that a fork inherits differs."""
    tmp_path.chmod(0o755)
    code = base64.b64encode((SCRIPTS / "warm_in_session.py").read_bytes()).decode()
    program = f"import base64; exec(base64.b64decode('{code}'))"
    with running(tmp_path, image.reference, user) as workers:
        for index in range(2):
            answer = workers.ssh(workers.host(index), f'python -c "{program}"').stdout
            found = json.loads(answer.splitlines()[-1])
            assert (found["state"], found["cold"]) == ("ready", "")
            assert found["code"] == 1 and "/no/recipe.yaml" in found["output"]


def test_nvml_is_ended_before_a_fork_which_begins_it_again(image: Image) -> None:
    code = (SCRIPTS / "warm_nvml.py").read_text()
    done = image.run(["/opt/venv/bin/python", "-c", code, code], options=OPTIONS)
    nobody, used, users, ended, fork, parent = json.loads(done.stdout.splitlines()[-1])
    assert (nobody, users) == (0, 2)
    assert used == {"threads": 2, "open": True, "count": 0}
    assert ended == parent == {"threads": 1, "open": False, "count": 1}
    assert fork == used


@pytest.mark.parametrize("asked", ["auto", "true"])
def test_a_stack_without_lists_starts_cold_and_says_so(image: Image, asked: str) -> None:
    """As dsk:seed has it. The entrypoint does not start the warm process again after 64."""
    run = "rm -f /etc/dsk/warm-*; mkdir -p /run/dsk/warm; cd /; python -u -m dsk.warm; echo $?"
    look = f"{run}; dsk-agent warm"
    env = {"DSK_WARM": asked, "DS_ACCELERATOR": "cpu"}
    code, state = image.run(["sh", "-c", look], options=OPTIONS, env=env).stdout.splitlines()
    found = json.loads(state)
    assert (code, found["state"]) == ("64", "off")
    assert found["reason"].startswith("this image's stack has no list of modules to import")


def test_a_list_that_cannot_be_imported_turns_it_off(image: Image) -> None:
    """The entrypoint does not start it again after 64, EXIT_OFF."""
    assert script(image, "warm_broken.py") == {
        "code": 64,
        "state": "off",
        "reason": "an import of the stack failed: ModuleNotFoundError: No module named "
        "'no_such_module'",
    }


@pytest.fixture(scope="module")
def trained(image: Image) -> dict[str, Any]:
    asked = {"runs": RUNS, "ranks": 2, "again": 0}
    found: dict[str, Any] = image.script(
        "warm_training.py", asked, options=OPTIONS, limit_s=TRAINING_LIMIT_S
    )
    return found


@pytest.mark.full
@pytest.mark.timeout(TRAINING_LIMIT_S + 60)
@pytest.mark.parametrize("name", RUNS)
def test_the_losses_are_bit_equal(trained: dict[str, Any], name: str) -> None:
    cold, warm = trained["runs"][name]["cold"], trained["runs"][name]["warm"]
    assert cold["exits"] == warm["exits"] == [0, 0], cold["output"] + warm["output"]
    assert warm["notes"] == ["", ""], "both were forked"
    assert len(cold["losses"]) == 4 and warm["losses"] == cold["losses"]
    assert warm["phases"] == cold["phases"] and not warm["left_open"]


@pytest.mark.full
@pytest.mark.parametrize("name", RUNS)
def test_little_is_left_to_import(trained: dict[str, Any], name: str) -> None:
    """What a rank has imported at its end, and the list does not bring."""
    run = trained["runs"][name]
    before = set(trained["imported"])
    assert len(set(run["warm"]["imported"]) - before) < LEFT_TO_IMPORT
    assert len(set(run["cold"]["imported"]) - before) < LEFT_TO_IMPORT


@pytest.mark.full
def test_ten_jobs_leave_nothing_in_the_warm_process(image: Image) -> None:
    found = script(image, "warm_training.py", {"runs": {"full": {}}, "ranks": 1, "again": AGAIN})
    before, *_, last = found["parent"]
    assert len(found["parent"]) == AGAIN + 2
    assert last["anonymous_kb"] - before["anonymous_kb"] < MORE_KB
    for name in ("threads", "names", "descriptors", "children", "processes", "temporary"):
        assert last[name] == before[name], name
    # DeepSpeed's buffer of a job whose ranks are all on one node, which stays after a cold one too.
    buffers = [n for n in last["shared"] if n.startswith("deepspeed_allreduce_buffer")]
    assert last["shared"] == buffers and len(buffers) <= AGAIN + 2


@pytest.mark.full
def test_every_thread_at_the_moment_of_a_fork_is_known(trained: dict[str, Any]) -> None:
    """docs/warm-starts.md names them. With OMP_NUM_THREADS=1 OpenBLAS has none."""
    assert trained["parent"][0]["names"] == ["jemalloc_bg_thd", "python"]
