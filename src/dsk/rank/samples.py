"""Gives LLaMA-Factory's trainer the samples of a measurement (dsk.rank.feed).

Read in LLaMA-Factory 0.9.5 and 0.9.3, data/loader.py: get_dataset tokenizes through
_get_preprocessed_dataset, which it finds by name, and the trainer takes the samples in their order
with disable_shuffling.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dsk.rank import feed
from dsk.wire.tuning import MOST_STEPS, WARM_UP

TYPICAL = 512
LONGEST = 512
"""Samples that are tokenized: some that are typical of all, and those with the longest texts."""


@dataclass
class Fed:
    """What the data has: `samples` in all, `tokens` of a row on average, `longest` of one. A row is
    one sample, or `per_row` samples on average where they are packed."""

    samples: int = 0
    tokens: float = 0.0
    longest: int = 0
    per_row: float = 1.0


def feed_measurement() -> Fed:
    """From now on, what get_dataset returns is ordered for a measurement. What is returned is
    filled when that has happened."""
    from llamafactory.data import loader

    fed = Fed()
    loader._get_preprocessed_dataset = _ordered(loader._get_preprocessed_dataset, fed)
    return fed


def _ordered(preprocess: Callable[..., Any], fed: Fed) -> Callable[..., Any]:
    @functools.wraps(preprocess)
    def ordered(dataset: Any, data_args: Any, training_args: Any, *args: Any, **kw: Any) -> Any:
        def tokenized(positions: Sequence[int]) -> Any:
            return preprocess(dataset.select(positions), data_args, training_args, *args, **kw)

        if dataset is None or kw.get("is_eval"):
            return preprocess(dataset, data_args, training_args, *args, **kw)
        from datasets import concatenate_datasets

        sizes = _text_sizes(dataset)
        # Packed rows are all as long as they can be.
        typical, longest = feed.choose(sizes, TYPICAL, 0 if data_args.packing else LONGEST)
        parts = [tokenized(positions) for positions in (typical, longest) if positions]
        rows = concatenate_datasets(parts) if len(parts) > 1 else parts[0]
        lengths = _lengths(rows)
        fed.samples = len(sizes)
        fed.longest = max(lengths)
        fed.tokens = sum(lengths[: len(parts[0])]) / len(parts[0])
        fed.per_row = len(typical) / len(parts[0]) if data_args.packing else 1.0
        accumulation = training_args.gradient_accumulation_steps
        return rows.select(
            feed.arrange(
                lengths,
                typical=len(parts[0]),
                micro=training_args.per_device_train_batch_size,
                ranks=training_args.world_size,
                warm_up=WARM_UP * accumulation,
                timed=MOST_STEPS * accumulation,
            )
        )

    return ordered


def _lengths(dataset: Any) -> list[int]:
    """Tokens of each sample: of the longer one where a sample is a pair."""
    names = [name for name in dataset.column_names if name.endswith("input_ids")]
    if not names:
        raise RuntimeError(f"no column of tokens among {', '.join(dataset.column_names)}")
    columns: list[Sequence[Any]] = [dataset[name] for name in names]
    return [max(map(len, row)) for row in zip(*columns, strict=True)]


def _text_sizes(dataset: Any) -> list[int]:
    """Bytes of all text of each sample, quickly: by Arrow's own tables."""
    import pyarrow as pa

    part = dataset.flatten_indices() if dataset._indices is not None else dataset
    columns = part.data.table.combine_chunks().columns
    sizes = [0] * len(part)
    for column in columns:
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if isinstance(array, pa.ChunkedArray):  # of no chunk, where there are no rows
            continue
        sizes = [one + other for one, other in zip(sizes, _bytes(array), strict=True)]
    return sizes


def _bytes(array: Any) -> list[int]:
    """Of each row of an Arrow array; 0 for what is no text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [size or 0 for size in pc.binary_length(array).to_pylist()]
    if pa.types.is_struct(kind):
        sizes = [0] * len(array)
        for field in array.flatten():
            sizes = [one + other for one, other in zip(sizes, _bytes(field), strict=True)]
        return sizes
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _bytes(array.flatten())
        lengths = [length or 0 for length in pc.list_value_length(array).to_pylist()]
        sizes, begin = [], 0
        for length in lengths:
            sizes.append(sum(inner[begin : begin + length]))
            begin += length
        return sizes
    return [0] * len(array)
