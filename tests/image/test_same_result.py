"""Every DeepSpeed preset computes what plain data parallel computes (docs/same-result.md).

On CPU, with the tiny model. The same cases on a GPU: tests/gpu/test_same_result.py; over two nodes,
started by `dsk launch`: tests/lab/test_same_result.py.
"""

from __future__ import annotations

import pytest

from tests.image.engine import SCRIPTS, Image
from tests.training.equivalence import (
    BY_KIND,
    KINDS,
    PRESETS,
    SAVED_STEP,
    STEPS,
    Case,
    cases,
    difference,
    problems,
    resume,
    train,
)
from tests.training.places import InContainer
from tests.training.runs import Site, answer

pytestmark = pytest.mark.timeout(3600)
ACCUMULATED, ACCUMULATED_BY_TWO = (1, 4, 1), (1, 2, 2)
CONVERTED = SCRIPTS / "converted.py"


@pytest.fixture(scope="module")
def site(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Site:
    made = Site(InContainer(image.reference, gpus=False), "cpu", tmp_path_factory.mktemp("same"))
    made.make_model()
    return made


def test_every_preset_trains_the_same_in_bf16(site: Site) -> None:
    """The split where DeepSpeed 0.18.4 was wrong, and two ranks."""
    chosen = cases(kinds=["full"], precisions=["bf16"], splits=[ACCUMULATED, ACCUMULATED_BY_TWO])
    assert problems(train(site, chosen, "quick")) == {}


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
def test_every_preset_precision_and_split_trains_the_same(site: Site, kind: str) -> None:
    curves = train(site, cases(kinds=[kind]), kind)
    assert problems(curves) == {}
    limit = BY_KIND[kind]["max_grad_norm"]
    for case in {case.reference for case in curves}:
        norms = [norm for norm in curves[case].grad_norm if norm is not None]
        assert len(norms) == STEPS
        assert min(norms) > limit, "clipping did not act on each step"


@pytest.mark.full
def test_clipping_changes_the_training_by_more_than_rounding(site: Site) -> None:
    """So presets that agree with the reference do clip."""
    case = Case("none", "full", "fp32", *ACCUMULATED)
    clipped = train(site, [case], "clipped")[case]
    free = train(site, [case], "free", max_grad_norm=1e6)[case]
    assert not difference(free, clipped).within("fp32")


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_continues_the_same_curve(site: Site, kind: str) -> None:
    # Without DeepSpeed, transformers cannot load an optimizer on several CPU ranks: torch knows no
    # place named "cpu:0".
    chosen = [
        Case(preset, kind, "bf16", *(ACCUMULATED if preset == "none" else ACCUMULATED_BY_TWO))
        for preset in PRESETS
    ]
    for case, (straight, resumed) in resume(site, chosen, f"resume-{kind}").items():
        assert (straight.error, resumed.error) == (None, None), case
        assert len(resumed.loss) == STEPS
        assert difference(resumed, straight).within("bf16"), case


@pytest.mark.full
def test_a_checkpoints_float32_weights_are_those_of_its_model(site: Site) -> None:
    """Every checkpoint contains DeepSpeed's zero_to_fp32.py, which joins ZeRO's shards."""
    chosen = [Case(preset, "full", "bf16", *ACCUMULATED_BY_TWO) for preset in ("z2", "z3")]
    curves = resume(site, chosen, "converted")
    assert {first.error for first, _ in curves.values()} == {None}
    folders = [
        str(site.folder / "converted" / case.name / f"checkpoint-{SAVED_STEP}") for case in chosen
    ]
    found = answer(site.script(CONVERTED, *folders, name="weights"))
    assert list(found) == folders
    for folder, said in found.items():
        assert said["tensors"] > 10, folder
        assert said["differing"] == [], folder


def test_the_first_step_of_adam_in_z0_is_the_first(image: Image) -> None:
    """Adam's first update with a constant gradient is the learning rate. A step that only allocates
    its states would make it 0.74 of that (seen with unpatched DeepSpeed)."""
    env = {
        **{"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "DS_ACCELERATOR": "cpu"},
        **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29555", "GLOO_SOCKET_IFNAME": "lo"},
    }
    done = image.script("first_update.py", options=["--network=none"], env=env)
    assert done == {
        "FP16_Optimizer": pytest.approx(-0.1, rel=2**-8),
        "FP16_UnfusedOptimizer": pytest.approx(-0.1, rel=2**-8),
    }


def test_zero_3_loads_a_models_buffers_on_every_rank(image: Image) -> None:
    """Without the patch of transformers, only rank 0 loads them, or none."""
    done = image.script("buffers.py", options=["--network=none", "--shm-size=1g"], limit_s=300)
    assert done["loaded"] == [done["saved"]] * 2, done["output"]
