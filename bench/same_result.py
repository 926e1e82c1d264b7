"""Whether an image's stack trains the same with every DeepSpeed preset: a table of differences.

    .venv/bin/python bench/same_result.py dsk:cu128             # on CPU; Docker
    .venv/bin/python bench/same_result.py dsk:cu128 --gpu       # NVIDIA GPUs, their toolkit
    python bench/same_result.py --here /opt/llamafactory --gpu  # this Python has the whole stack

Trains a tiny random model with each preset, full and LoRA, in bf16 and fp32, with the same global
batch split in several ways (tests/training/equivalence.py), and prints for each row the largest
difference of any loss and any gradient norm from the run without DeepSpeed. `--model` takes random
weights of a real model's shape instead. Exits with 1 where a difference is more than rounding.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from gpu_memory import CONFIGS

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.training.equivalence import (  # noqa: E402
    KINDS,
    PRECISIONS,
    PRESETS,
    SPLITS,
    Case,
    Curve,
    Difference,
    cases,
    difference,
    problems,
    train,
)
from tests.training.places import Here, InContainer, Place  # noqa: E402
from tests.training.runs import Site  # noqa: E402

RANDOM_MODEL = Path(__file__).parent / "inside/random_model.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", nargs="?", help="the image to train in")
    parser.add_argument("--here", type=Path, help="LLaMA-Factory's tree, for this Python's stack")
    parser.add_argument(
        "--gpu", action="store_true", help="train on NVIDIA GPUs (or one: two ranks share it)"
    )
    parser.add_argument("--model", choices=CONFIGS, help="random weights of this shape")
    parser.add_argument("--learning-rate", type=float, help="instead of those for the tiny model")
    parser.add_argument("--jobs", type=int, default=1, help="how many runs at a time")
    parser.add_argument("--preset", action="append", choices=PRESETS, help="only this one")
    parser.add_argument("--precision", action="append", choices=PRECISIONS, help="only this one")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only this one")
    parser.add_argument("--ranks", action="append", type=int, choices=(1, 2), help="only so many")
    parser.add_argument("--curves", type=Path, help="where to write all curves, as JSON")
    options = parser.parse_args()
    if (options.image is None) == (options.here is None):
        parser.error("name an image or --here")
    place: Place = (
        Here(options.here.resolve()) if options.here else InContainer(options.image, options.gpu)
    )
    chosen = cases(
        options.preset or PRESETS,
        options.kind or KINDS,
        options.precision or PRECISIONS,
        [split for split in SPLITS if options.ranks is None or split[2] in options.ranks],
    )
    keys = {"learning_rate": options.learning_rate} if options.learning_rate else {}
    with tempfile.TemporaryDirectory() as folder:
        site = Site(place, "cuda" if options.gpu else "cpu", Path(folder))
        make_model(site, options.model)
        curves = train(site, chosen, "runs", jobs=options.jobs, **keys)
    if options.curves:
        save(options.curves, curves)
    print(table(curves))
    if wrong := problems(curves):
        print("\n".join(f"{case.name}: {why}" for case, why in wrong.items()), file=sys.stderr)
        sys.exit(1)


def make_model(site: Site, name: str | None) -> None:
    if name is None:
        site.make_model()
        return
    shape = site.folder / "shape"
    shape.mkdir()
    (shape / "config.json").write_text(json.dumps(CONFIGS[name]))
    # In float32: LoRA without `bf16: true` would train around weights in bf16 with every preset but
    # ZeRO-3, which turns them into float32.
    done = site.script(RANDOM_MODEL, str(shape), site.model, "float32", name="random-model")
    if done.status:
        sys.exit(done.output)


def table(curves: Mapping[Case, Curve]) -> str:
    """Markdown: a row for each fine-tuning type and preset, two columns for each precision."""
    kinds, presets, precisions = (
        tuple(dict.fromkeys(getattr(case, name) for case in curves))
        for name in ("kind", "preset", "precision")
    )
    heads = [f"{precision}, {what}" for precision in precisions for what in ("loss", "norm")]
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for kind in kinds:
        for preset in presets:
            row = {
                case: curve
                for case, curve in curves.items()
                if (case.kind, case.preset) == (kind, preset)
            }
            cells = [cell for precision in precisions for cell in _cells(row, curves, precision)]
            lines.append(f"| {kind}, {preset} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(
    row: Mapping[Case, Curve], curves: Mapping[Case, Curve], precision: str
) -> tuple[str, str]:
    differences = []
    for case, curve in row.items():
        if case.precision == precision:
            if curve.error:
                return f"failed with {case.batch} x {case.accumulation} x {case.ranks}", ""
            differences.append(difference(curve, curves[case.reference]))
    worst = Difference(
        max((each.loss for each in differences), default=0.0),
        max((each.grad_norm for each in differences), default=0.0),
    )
    mark = "" if worst.within(precision) else "**"
    reported = any(
        norm is not None
        for case, curve in row.items()
        if case.precision == precision
        for norm in curve.grad_norm
    )
    norm = f"{mark}{worst.grad_norm:.1e}{mark}" if reported else "not reported"
    return f"{mark}{worst.loss:.1e}{mark}", norm


def save(path: Path, curves: Mapping[Case, Curve]) -> None:
    rows = [{**asdict(case), **asdict(curve)} for case, curve in curves.items()]
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
