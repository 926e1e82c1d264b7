"""The patched read_args: what upstream accepts, and what DeepSpeed's launcher makes of it.

All command lines are asked in one process in the image; each is a test of its own.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.image.engine import Image

CONTENT = {"stage": "sft", "learning_rate": 1e-4, "a": {"b": 0, "c": [1, 2]}, "k": "v"}
YAML = "stage: sft\nlearning_rate: 1.0e-4\na:\n  b: 0\n  c: [1, 2]\nk: v\n"
JSON, JSON_CHINESE = json.dumps(CONTENT), '{"k": "值"}'
GOOD = (YAML, JSON, JSON_CHINESE)
BLANK, CHINESE, EQUALS = "my runs/train one.yaml", "训练/配置.yaml", "./a=b/train.yaml"
FILES = {
    **dict.fromkeys(("cfg.yaml", "cfg.yml", "other.yaml", BLANK, CHINESE, EQUALS), YAML),
    "cfg.json": JSON,
    "训练/配置.json": JSON_CHINESE,
    "empty.yaml": "",
    "comment.yaml": "# nothing\n",
    "empty.json": "",
    "list.yaml": "- stage\n- sft\n",
    "list.json": "[1, 2]",
    "broken.yaml": "stage: [sft\n",
    "tab.yaml": "stage:\n\tsft\n",
    "broken.json": '{"stage": ',
    "latin.yaml": "stage: é\n",
}

# What may stand before a config file, and what the launchers put there.
RANKS = ("--local_rank=1", "--local-rank=1", "--local_rank 1", "--local-rank 1", "--local_rank=-1")
BEFORE = ("", "train", *RANKS, *(f"{rank} train" for rank in RANKS), "train --local_rank=1")
FILE_ALONE = [
    *[[*before.split(), name] for before in BEFORE for name in ("cfg.yaml", "cfg.yml", "cfg.json")],
    *[[name, *after.split()] for after in RANKS for name in ("cfg.yaml", "cfg.json")],
    *[["--local_rank=0", "train", name] for name in (BLANK, CHINESE, EQUALS)],
]

# Each as upstream is given it; asked in the file's other places too, and the answers compared.
OVERRIDES: list[tuple[list[str], dict[str, Any]]] = [
    (["learning_rate=2e-5", "a.b=1", "k=null"],
     {"stage": "sft", "learning_rate": 2e-5, "a": {"b": 1, "c": [1, 2]}, "k": None}),
    (["learning_rate=1e-4"], CONTENT),
    (["bf16=true", "x=1", "y=1.5"], {**CONTENT, "bf16": True, "x": 1, "y": 1.5}),
    (["a.c=[3]"], {**CONTENT, "a": {"b": 0, "c": [3]}}),
    (["lora_target=q_proj,v_proj"], {**CONTENT, "lora_target": "q_proj,v_proj"}),
    (["k="], {**CONTENT, "k": None}),
    (["k=a=b"], {**CONTENT, "k": "a=b"}),
    (["k=数据 集"], {**CONTENT, "k": "数据 集"}),
    (["deepspeed=ds_z2_config.json"], {**CONTENT, "deepspeed": "ds_z2_config.json"}),
    (["output_dir=/data/a=b/out.yaml"], {**CONTENT, "output_dir": "/data/a=b/out.yaml"}),
]  # fmt: skip

PLAIN = [
    [],
    ["--model_name_or_path", "m", "--stage", "sft"],
    ["--deepspeed", "ds_z2_config.json", "--stage", "sft"],
    ["--dataset_dir=data", "--template", "default", "--config", "a.yaml"],
]

# A command line, and what its one error must name.
NO_FILES = ["missing.yaml", "missing.yml", "missing.json", "目录/没有.yaml", "folder.yaml"]
BAD_FILES = [*NO_FILES, *(name for name, text in FILES.items() if text not in GOOD)]
ERRORS = [
    *[([name], name) for name in BAD_FILES],
    *[(["--local_rank=0", "train", name, "a=1"], name) for name in BAD_FILES],
    (["cfg.yaml", "other.yaml"], "`other.yaml`"),
    (["other.yaml", "cfg.yaml"], "`cfg.yaml`"),
    (["cfg.yaml", "cfg.json"], "`cfg.json`"),
    (["cfg.yaml", "cfg.yaml"], "`cfg.yaml`"),
    (["--local_rank=0", "train", "cfg.yaml", "a=1", "other.yaml"], "`other.yaml`"),
    (["cfg.yaml", "learning_rate"], "`learning_rate`"),
    (["learning_rate", "cfg.yaml"], "`learning_rate`"),
    (["--local_rank=0", "train", "cfg.yaml", "a=1", "2e-5"], "`2e-5`"),
    (["cfg.yaml", "--stage", "sft"], "`--stage`"),
    (["a=1", "cfg.yaml", "--stage=sft"], "`--stage=sft`"),
    (["cfg.yaml", "=1"], "`=1`"),
    (["--local_rank", "train", "cfg.yaml"], "`--local_rank`"),
    (["cfg.yaml", "--local_rank"], "`--local_rank`"),
]


def places(overrides: list[str]) -> list[list[str]]:
    """The command lines that mean `cfg.yaml OVERRIDES`."""
    split = [overrides[0], "cfg.yaml", *overrides[1:]]
    lines = [["cfg.yaml", *overrides], [*overrides, "cfg.yaml"]]
    if len(overrides) > 1:
        lines.append(split)
    return [
        *lines,
        ["cfg.json", *overrides],
        *(["--local_rank=1", "train", *line] for line in lines),
        *(["train", "--local-rank", "1", *line] for line in lines),
        *([*line, "--local_rank=1"] for line in lines),
    ]


def joined(line: list[str]) -> str:
    return " ".join(line) or "(nothing)"


MERGED = [(line, words, want) for words, want in OVERRIDES for line in places(words)]
WITH_RANK = [(line, plain) for plain in PLAIN for line in (
    plain, ["--local_rank=1", *plain], [*plain, "--local-rank=1"], ["--local_rank", "1", *plain],
    ["--local_rank=1", "train", *plain],
)]  # fmt: skip


@pytest.fixture(scope="module")
def answers(image: Image) -> dict[str, Any]:
    lines = [
        *FILE_ALONE,
        *(line for line, _, _ in MERGED),
        *(["cfg.yaml", *words] for words, _ in OVERRIDES),
        *(line for line, _ in WITH_RANK),
        *(line for line, _ in ERRORS),
        ["训练/配置.json"],
    ]
    found = image.script("read_args.py", {"files": FILES, "lines": lines})
    return {json.dumps(line): answer for line, answer in zip(lines, found, strict=True)}


@pytest.mark.parametrize("line", FILE_ALONE, ids=joined)
def test_the_file_wherever_the_launcher_puts_its_words(
    answers: dict[str, Any], line: list[str]
) -> None:
    assert answers[json.dumps(line)]["patched"] == {"value": CONTENT}


@pytest.mark.parametrize(("line", "words", "want"), MERGED, ids=[joined(row[0]) for row in MERGED])
def test_overrides_are_merged_and_typed_as_upstream_does(
    answers: dict[str, Any], line: list[str], words: list[str], want: dict[str, Any]
) -> None:
    assert answers[json.dumps(line)]["patched"] == {"value": want}
    assert answers[json.dumps(["cfg.yaml", *words])]["upstream"] == {"value": want}


@pytest.mark.parametrize(("line", "plain"), WITH_RANK, ids=[joined(line) for line, _ in WITH_RANK])
def test_plain_arguments_reach_the_parser_without_the_local_rank(
    answers: dict[str, Any], line: list[str], plain: list[str]
) -> None:
    assert answers[json.dumps(line)]["patched"] == {"value": plain}
    assert answers[json.dumps(plain)]["upstream"] == {"value": plain}


@pytest.mark.parametrize(("line", "named"), ERRORS, ids=[joined(line) for line, _ in ERRORS])
def test_one_error_that_names_what_is_wrong(
    answers: dict[str, Any], line: list[str], named: str
) -> None:
    error = answers[json.dumps(line)]["patched"]["error"]
    assert named in error
    assert error.count("Config file") <= 1


def test_json_may_hold_chinese(answers: dict[str, Any]) -> None:
    assert answers[json.dumps(["训练/配置.json"])]["patched"] == {"value": {"k": "值"}}


def test_the_entry_point_ends_with_the_error_alone(image: Image, stack: dict[str, Any]) -> None:
    # As DeepSpeed's launch.py starts a rank.
    *entry, train = ("-m" if word == "--module" else word for word in stack["train_entry"])
    done = image.run(
        ["python", *entry, "--local_rank=0", train, "missing.yaml"],
        env={"DS_ACCELERATOR": "cpu"},
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == "Config file /missing.yaml does not exist."
    assert "Traceback" not in done.stderr
