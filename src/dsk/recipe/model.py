"""What goes into a recipe and what comes out of it. Values only: nothing here reads or decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType

from dsk.recipe.batch import Batch
from dsk.recipe.commas import split_commas
from dsk.recipe.redaction import redact
from dsk.text import Text

SHIPPED_DIR = "/opt/llamafactory"


@dataclass(frozen=True)
class TrainFile:
    """The user's train.yaml (or .json) as text.

    `path` is absolute on the machine where dsk runs; `name` is what the user typed, for errors.
    """

    path: PurePosixPath
    name: str
    text: str


@dataclass(frozen=True)
class Site:
    """What the resolver may know about the place where the job will run.

    `workspace` is the absolute path that every node mounts, `world_size` the number of ranks on
    all nodes together. `shared_workspace` is None where nobody has looked yet. `exists` says
    whether an absolute path under the workspace exists, as seen from wherever the caller can look
    (the master's disk, or over SSH); None means that nobody can tell, as in a dry run on another
    machine. `read` gives a small file's text from there, None where it cannot be read.
    `shipped_dir` is LLaMA-Factory's tree inside the image. `modelscope` is the folder for models
    from ModelScope, None where the Hugging Face hub is used. `save_auto`: dsk's callback decides
    when checkpoints are saved.
    """

    workspace: str
    accelerator: str
    nodes: int
    world_size: int
    shared_workspace: bool | None = None
    exists: Callable[[str], bool] | None = None
    read: Callable[[str], str | None] | None = None
    shipped_dir: str = SHIPPED_DIR
    modelscope: str | None = None
    save_auto: bool = False


@dataclass(frozen=True)
class KnownWrong:
    """Settings whose training gives a wrong result, although it runs.

    `presets` are DeepSpeed presets of LLaMA-Factory, `precisions` of bf16, fp16 and fp32; empty
    means any. `before_revision` is the stack's first revision that computes them correctly, None
    where there is none yet. `source` is the address of the report.
    """

    id: str
    presets: tuple[str, ...]
    precisions: tuple[str, ...]
    min_accumulation: int
    before_revision: int | None
    problem: Text
    fix: Text
    source: str

    def holds_for(self, revision: int) -> bool:
        return self.before_revision is None or revision < self.before_revision


@dataclass(frozen=True)
class Change:
    """One value that dsk changed. `before` is None where the key was absent or null."""

    key: str
    before: object
    after: object
    reason: Text

    def redacted(self) -> Change:
        """The same change, fit to be shown."""
        return Change(
            self.key, redact(self.key, self.before), redact(self.key, self.after), self.reason
        )


@dataclass(frozen=True)
class Recipe:
    """What LLaMA-Factory will really get, and the record of how it differs from the user's file.

    `values` holds plain JSON types. `inputs` are absolute workspace paths that every node needs
    before a rank starts; `repos` the repositories of a hub that the job downloads before, each with
    its folder ("": the hub's own cache). `looked`: for each repository, the paths where the master
    has no folder of that name; empty where nobody could look. `data_folder` has the
    dataset_info.json that the ranks read, "" where they read none; `online` says why they ask a hub
    themselves. `notices` are worth a line but changed nothing; `unchecked` could not be found out
    from here. Secrets are in `values` (the ranks need them): show `redacted()`.
    """

    values: Mapping[str, object]
    changes: tuple[Change, ...]
    notices: tuple[Text, ...]
    unchecked: tuple[Text, ...]
    inputs: tuple[str, ...]
    world_size: int
    repos: Mapping[str, str] = field(default_factory=dict)
    looked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    data_folder: str = ""
    online: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))

    @property
    def output_dir(self) -> str:
        """Absolute path on the nodes."""
        return str(self.values["output_dir"])

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names in `dataset` and `eval_dataset`, to be looked up in a dataset_info.json."""
        keys = ("dataset", "eval_dataset")
        return tuple(name for key in keys for name in split_commas(self.values.get(key)))

    @property
    def resumes(self) -> bool:
        """Whether each rank resumes from the newest checkpoint that it finds in output_dir:
        get_train_args in LLaMA-Factory's hparams/parser.py, and transformers for `true`."""
        values = self.values
        starts_anew = values.get("stage") in ("rm", "ppo") and values.get("finetuning_type") in (
            "full",
            "freeze",
        )
        given = values.get("resume_from_checkpoint")
        chooses = given is True or (given is None and not values.get("overwrite_output_dir"))
        return bool(values.get("do_train")) and chooses and not starts_anew

    @property
    def saves(self) -> bool:
        """Whether the training can save a checkpoint on request: PPO's loop is LLaMA-Factory's own,
        and saves by save_steps alone."""
        return bool(self.values.get("do_train")) and self.values.get("stage") != "ppo"

    @property
    def batch(self) -> Batch | None:
        """Samples per optimizer step; None where the parallel layout is not plain data parallel."""
        return Batch.of(self.values, self.world_size)

    def redacted(self) -> dict[str, object]:
        """The values, fit to be shown: tokens and keys are `***`."""
        return {key: redact(key, value) for key, value in self.values.items()}

    def to_yaml(self) -> str:
        """Text that LLaMA-Factory reads back to exactly `values`, secrets included: mode 0600."""
        from dsk.recipe.render import to_yaml  # values need no YAML library

        return to_yaml(self.values)
