"""Finding and reading the user's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsk.errors import UserError
from dsk.recipe import load_train_file


def test_text_name_and_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "含 空格"
    folder.mkdir()
    (folder / "训练.yaml").write_bytes("\ufeffbf16: true # 注\n".encode())
    monkeypatch.chdir(folder)
    source = load_train_file("训练.yaml")
    assert source.text == "bf16: true # 注\n"
    assert source.name == "训练.yaml"
    assert str(source.path) == str(folder / "训练.yaml")


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "sft.yaml").touch()
    with pytest.raises(UserError) as caught:
        load_train_file(f"{tmp_path}/train.yaml")
    assert caught.value.where == f"{tmp_path}/train.yaml"
    assert caught.value.message == "no such file"
    assert "sft.yaml" in str(caught.value.fix)


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        load_train_file(f"{tmp_path}/x.yaml")


def test_another_suffix() -> None:
    with pytest.raises(UserError) as caught:
        load_train_file("train.toml")
    assert "train.yaml" in str(caught.value.fix)


def test_not_utf8_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "train.yaml"
    file.write_bytes(b"a: 1\nb: " + "中".encode("gbk"))
    with pytest.raises(UserError) as caught:
        load_train_file(str(file))
    assert caught.value.where == f"{file}:2"
    assert "not UTF-8: byte 0xd6" in caught.value.message
