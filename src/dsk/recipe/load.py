"""A train.yaml on disk to its text."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from dsk.cluster.userfile import decode
from dsk.errors import UserError
from dsk.recipe.model import TrainFile
from dsk.text import Text

SUFFIXES = (".yaml", ".yml", ".json")


def load_train_file(path: str) -> TrainFile:
    """Read the file that the user named. Raises UserError for anything but readable UTF-8 text."""
    file = Path(path)
    if file.is_dir():
        raise UserError(Text("is a folder, not a file"), where=path, fix=_name_a_file(file))
    if file.suffix not in SUFFIXES:
        raise UserError(
            Text("LLaMA-Factory takes {suffixes} files only").filled(suffixes=", ".join(SUFFIXES)),
            where=path,
            fix=Text("rename it, for example to {stem}.yaml").filled(stem=file.stem or "train"),
        )
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise UserError(Text("no such file"), where=path, fix=_name_a_file(file.parent)) from None
    except OSError as error:
        raise UserError(
            Text("cannot be read: {why}").filled(why=error.strerror), where=path
        ) from error
    return TrainFile(PurePosixPath(file.absolute().as_posix()), path, decode(raw, path))


def _name_a_file(folder: Path) -> Text:
    if folder.is_dir():
        found = sorted(item.name for item in folder.iterdir() if item.suffix in SUFFIXES)
        if found:
            return Text("name one of the files in {folder}: {files}").filled(
                folder=folder, files=", ".join(found[:5])
            )
    return Text("name a LLaMA-Factory training file: dsk launch train.yaml")
