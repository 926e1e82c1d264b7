"""A model's shape from its config.json, and how many parameters that makes. Exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dsk.text import Text

KNOWN = ("llama", "mistral", "qwen2", "qwen3")
"""model_types whose layers are attention with rotary positions and a gated MLP (transformers)."""


class NoEstimate(ValueError):
    """The model's or the recipe's need of memory is not estimated; `text` says why."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.in_language("en"))
        self.text = text


class UnknownShape(NoEstimate):
    """The config.json is of a kind whose parameters are not counted here."""


@dataclass(frozen=True)
class ModelShape:
    """`head` is one attention head's width. `qkv_bias`, `out_bias`, `mlp_bias`: vectors added in
    those; `head_norms`: query and key have a norm of their own (Qwen3)."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    tied: bool
    qkv_bias: bool = False
    out_bias: bool = False
    mlp_bias: bool = False
    head_norms: bool = False

    @classmethod
    def from_config(cls, config: Mapping[str, object]) -> ModelShape:
        """Raises UnknownShape."""
        kind = config.get("model_type")
        if kind not in KNOWN:
            text = Text("model_type {kind}: known are {known}")
            raise UnknownShape(text.filled(kind=kind, known=", ".join(KNOWN)))

        def number(key: str, default: int | None = None) -> int:
            value = config.get(key)
            value = default if value is None else value
            if not isinstance(value, int) or value < 1:
                text = Text("{key}: {value!r} is not a size")
                raise UnknownShape(text.filled(key=key, value=value))
            return value

        heads, hidden = number("num_attention_heads"), number("hidden_size")
        attention_bias = bool(config.get("attention_bias", False))
        return cls(
            hidden=hidden,
            intermediate=number("intermediate_size"),
            layers=number("num_hidden_layers"),
            heads=heads,
            kv_heads=number("num_key_value_heads", heads),
            head=number("head_dim", hidden // heads),
            vocabulary=number("vocab_size"),
            # transformers' default; Llama, Mistral and Qwen write it where it is true.
            tied=bool(config.get("tie_word_embeddings", False)),
            qkv_bias=kind == "qwen2" or attention_bias,
            out_bias=kind in ("llama", "qwen3") and attention_bias,
            mlp_bias=kind == "llama" and bool(config.get("mlp_bias", False)),
            head_norms=kind == "qwen3",
        )

    @property
    def linears(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of one layer's matrices: q, k, v, o, gate, up, down."""
        query, key = self.heads * self.head, self.kv_heads * self.head
        return (
            (self.hidden, query),
            (self.hidden, key),
            (self.hidden, key),
            (query, self.hidden),
            (self.hidden, self.intermediate),
            (self.hidden, self.intermediate),
            (self.intermediate, self.hidden),
        )

    @property
    def layer(self) -> int:
        """Parameters of one layer."""
        query, key = self.heads * self.head, self.kv_heads * self.head
        return (
            self.matrices
            + 2 * self.hidden
            + (query + 2 * key if self.qkv_bias else 0)
            + (self.hidden if self.out_bias else 0)
            + (2 * self.intermediate + self.hidden if self.mlp_bias else 0)
            + (2 * self.head if self.head_norms else 0)
        )

    @property
    def matrices(self) -> int:
        """Parameters in one layer's matrices."""
        return sum(inputs * outputs for inputs, outputs in self.linears)

    @property
    def embeddings(self) -> int:
        """Parameters of the embedding and, where it is another, the output layer."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        return self.layers * self.layer + self.embeddings + self.hidden

    def adapters(self, rank: int) -> int:
        """Parameters of LoRA of that rank on every matrix of the layers (lora_target: all)."""
        return self.layers * sum(rank * (inputs + outputs) for inputs, outputs in self.linears)
