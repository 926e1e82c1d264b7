"""Values against the types that LLaMA-Factory's argument classes declare (recipe-keys.json).

LLaMA-Factory takes a file's values as they are (HfArgumentParser.parse_dict): `learning_rate:
'1e-4'` stays text, and `save_strategy: no`, which YAML reads as false, stays false. Here what is
meant is taken where there is no doubt, as LLaMA-Factory takes it; anything else is an error.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from dsk.recipe.draft import Draft
from dsk.recipe.keys import KnownKeys
from dsk.recipe.redaction import redact
from dsk.text import Text, alternatives, verbatim

ANYTHING = "Any"

ALSO: Mapping[str, frozenset[str]] = {
    # Split at commas unless it is a list: split_arg in hparams/data_args.py, finetuning_args.py.
    **dict.fromkeys(
        (
            *("dataset", "eval_dataset", "interleave_probs", "lora_target", "oft_target"),
            *("freeze_trainable_modules", "freeze_extra_modules", "additional_target"),
            *("galore_target", "apollo_target"),
        ),
        frozenset({"list"}),
    ),
    "dataset_dir": frozenset({"dict"}),  # get_dataset_list in data/parser.py
    "resume_from_checkpoint": frozenset({"bool"}),  # transformers' Trainer.train
    "fsdp": frozenset({"bool"}),  # transformers' TrainingArguments._process_fsdp_args
    "deepspeed": frozenset({"bool"}),  # false is none
    "hf_hub_token": frozenset({"bool"}),  # huggingface_hub: true is the token that is logged in
}
"""Kinds of values that are taken although the type does not say so."""

_TRUE = ("true", "yes", "on", "y", "t", "1")
"""Any text counts as true in LLaMA-Factory; only here does it also mean that."""

_BOOLEAN = Text("a boolean")

_KINDS: Mapping[str, Text] = {
    "bool": Text("true or false"),
    "int": Text("a whole number"),
    "float": Text("a number"),
    "str": Text("text"),
    "list": Text("a list"),
    "dict": Text("a mapping"),
}


@dataclass(frozen=True)
class Accepted:
    """`kinds` of values, as in _KINDS or ANYTHING; `choices` are values of their own."""

    kinds: frozenset[str]
    choices: tuple[object, ...] = ()

    def __or__(self, other: Accepted) -> Accepted:
        return Accepted(self.kinds | other.kinds, (*self.choices, *other.choices))


class WrongType(ValueError):
    """The value is of a type that is not accepted."""


@cache
def accepted(declared: str) -> Accepted:
    """What a type as written in Python accepts. A class that is not Python's own is an enumeration
    of words or, by its name, a group of settings."""
    return _accepted(ast.parse(declared, mode="eval").body)


def _accepted(node: ast.expr) -> Accepted:
    if isinstance(node, ast.BinOp):
        return _accepted(node.left) | _accepted(node.right)
    if isinstance(node, ast.Constant):  # None
        return Accepted(frozenset())
    if isinstance(node, ast.Subscript):
        base = ast.unparse(node.value)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if base == "Literal":
            return Accepted(frozenset(), tuple(ast.literal_eval(part) for part in parts))
        if base in ("Optional", "Union"):
            found = Accepted(frozenset())
            for part in parts:
                found |= _accepted(part)
            return found
        return _named(base)
    return _named(ast.unparse(node))


def _named(name: str) -> Accepted:
    if name in (*_KINDS, ANYTHING):
        return Accepted(frozenset({name}))
    if name == "NoneType":
        return Accepted(frozenset())
    return Accepted(frozenset({"str", "dict"} if name.endswith("Config") else {"str"}))


def fit_types(draft: Draft, known: KnownKeys) -> None:
    """Give each value the type that its key declares; raise UserError where it has another."""
    for key, value in draft.values.items():
        found = accepted(known.keys[key]) if key in known.keys else Accepted(frozenset({ANYTHING}))
        found |= Accepted(ALSO.get(key, frozenset()))
        try:
            fitting = fit(value, found, draft.text_of(key))
        except WrongType:
            raise draft.error(
                key,
                Text("{value} is {kind}; {expected} is expected").filled(
                    value=_shown(key, value), kind=_kind(value), expected=_expected(found)
                ),
                fix=_fix(key, value, found, draft.text_of(key)),
            ) from None
        reason = Text("LLaMA-Factory expects {expected}")
        draft.set(key, fitting, reason.filled(expected=_expected(found)))


def fit(value: object, found: Accepted, text: str | None = None) -> object:
    """The value in a type that is accepted, the same where it has one. `text` is how the user wrote
    it, None where that is not known. Raises WrongType."""
    kinds, name = found.kinds, type(value).__name__
    is_choice = any(value == choice and type(value) is type(choice) for choice in found.choices)
    # Python counts true as 1.
    is_number = isinstance(value, int) and kinds & {"int", "float"}
    if value is None or is_choice or is_number or kinds & {name, ANYTHING}:
        return value
    if "bool" in kinds and _means_true_or_false(value):
        return bool(value)
    if "int" in kinds and isinstance(value, float) and value.is_integer():
        return int(value)
    if "str" in kinds and text and name in ("int", "float"):
        return text
    raise WrongType(name)


def _means_true_or_false(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in _TRUE
    return isinstance(value, int) and value in (0, 1)


def _shown(key: str, value: object) -> str:
    value = redact(key, value)
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _kind(value: object) -> Text:
    return _BOOLEAN if isinstance(value, bool) else _KINDS[type(value).__name__]


def _expected(found: Accepted) -> Text:
    names = [name for name in _KINDS if name in found.kinds]
    parts: list[Text] = [_KINDS[name] for name in names if not (name == "int" and "float" in names)]
    parts += [verbatim(_shown("", choice)) for choice in found.choices]
    if not parts:
        return Text("")
    return alternatives(parts)


def _fix(key: str, value: object, found: Accepted, text: str | None) -> Text:
    if isinstance(value, bool) and ("str" in found.kinds or found.choices):
        word = text or ("yes" if value else "no")
        return Text(
            "write {key}: '{word}' (without quotes, YAML reads yes, no, on and off as true or"
            " false)"
        ).filled(key=key, word=word)
    if isinstance(value, (int, float)) and "str" in found.kinds:
        return Text("write it in quotes")
    if isinstance(value, str) and _is_number(value) and found.kinds & {"int", "float"}:
        return Text("write {key}: {value}, without quotes").filled(key=key, value=value.strip())
    if isinstance(value, str) and "bool" in found.kinds:
        return Text(
            "write {key}: true or {key}: false, without quotes (LLaMA-Factory takes any text as"
            " true)"
        ).filled(key=key)
    return Text("write {expected}").filled(expected=_expected(found))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
