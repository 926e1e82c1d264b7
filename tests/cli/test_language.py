"""In which language dsk speaks: LANG's, or that of --lang; programs get English."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import Dsk

CHINESE = {"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh_CN.UTF-8"}
ENGLISH = {**CHINESE, "LANG": "en_US.UTF-8"}
COMMAND = re.compile(r"dsk \w+ train|docker compose \w+")
ENGLISH_SENTENCE = re.compile(r"(?:\b[a-z]{2,}[,;]? ){2}[a-z]{2,}\b")
ABSENT = "错误: dsk.yaml：文件不存在\n  修复：用 dsk init HOST:SLOTS … 生成\n"


@pytest.mark.parametrize("words", [("up",), ("launch", "train.yaml"), ("image", "sync"), ("stop",)])
def test_errors_are_in_langs_language(dsk: Dsk, words: tuple[str, ...]) -> None:
    dsk.train()
    assert dsk(*words, code=2, **CHINESE).err == ABSENT
    assert dsk(*words, code=2, **ENGLISH).err.startswith("error: dsk.yaml: there is no such file\n")


def test_lang_counts_more_also_for_errors(dsk: Dsk) -> None:
    assert dsk("check", "--lang", "zh", code=2, **ENGLISH).err == ABSENT
    assert dsk("check", "--lang", "en", code=2, **CHINESE).err.startswith("error: ")
    assert dsk("up", code=2, **ENGLISH).err.startswith("error: "), "not that of another command"


def test_every_mistake_in_dsk_yaml(dsk: Dsk) -> None:
    dsk.write("dsk.yaml", "nodes:\n  - {host: node1, slots: 2}\nzzz: 1\n")
    said = dsk("up", code=2, **CHINESE).err
    assert said.startswith("错误: dsk.yaml：3 处错误：\n")
    assert "nodes[0].host：" in said and "zzz：未知的键" in said


def test_json_is_english(dsk: Dsk) -> None:
    done = dsk("status", "--json", code=2, **CHINESE)
    error = json.loads(done.out)
    assert (error["message"], error["fix"]) == (
        "there is no such file",
        "dsk init HOST:SLOTS … writes one",
    )
    assert done.err == ABSENT


def test_what_a_command_says_while_it_works(dsk: Dsk) -> None:
    out = dsk("init", "--in-place", "10.0.0.11:2", code=0, **CHINESE).out
    assert out == "已写入 dsk.yaml；下一步：dsk keys\n"


def test_a_dry_run(in_cluster: Dsk) -> None:
    train = in_cluster.train(
        deepspeed="own.json", ddp_timeout=180000000, save_on_each_node=False, bf16=True
    )
    words = ("launch", "--dry-run", train, "model_name_or_path=me/m")
    shown = in_cluster(*words, code=0, **CHINESE).out
    assert ENGLISH_SENTENCE.findall(shown) == []
    for said in ("训练配置：\n", "dsk 的改动：\n", "提示：\n", "在这里无法检查：\n", "未检查：\n"):
        assert said in shown
    assert ENGLISH_SENTENCE.search(in_cluster(*words, code=0, **ENGLISH).out)


def test_a_dry_run_for_programs_is_english(in_cluster: Dsk) -> None:
    file = in_cluster.folder / "dsk.yaml"
    file.write_text(f"image: registry.example/mine:7\n{file.read_text()}")
    words = ("launch", "--dry-run", "--json", in_cluster.train(deepspeed=None))
    shown = in_cluster(*words, code=0, **CHINESE).out
    assert re.search("[\u4e00-\u9fff]", shown) is None
    changes = {each["key"]: each["reason"] for each in json.loads(shown)["changes"]}
    assert changes["output_dir"] == "relative paths start in the workspace"


@pytest.mark.parametrize("user", ["", "user: 1234:100\n"])
def test_the_instructions_for_bundles(in_cluster: Dsk, user: str) -> None:
    file = in_cluster.folder / "dsk.yaml"
    file.write_text(f"{file.read_text()}{user}")
    for words in ((), (in_cluster.train(),)):
        shown = in_cluster("render", *words, code=0, **CHINESE).out
        assert ENGLISH_SENTENCE.findall(COMMAND.sub("", shown)) == []
        assert "1. 把每个目录复制到对应节点" in shown
