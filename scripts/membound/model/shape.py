# SPDX-License-Identifier: Apache-2.0
"""The shape of a transformer, from a catalogue id or a Hugging Face config.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from membound import catalogue
from membound.errors import UsageError

LARGEST = 1 << 24  # far above any real dimension: catches typing errors before an allocation
EXPERT_KEYS = ("num_local_experts", "num_experts", "n_routed_experts")
# Families whose MLP has two matrices and no gate; their configs do not say so in a key.
PLAIN_MLP_TYPES = {
    "bloom", "falcon", "gpt2", "gpt_bigcode", "gpt_neox", "gptj", "mpt", "nemotron", "opt", "phi",
    "starcoder2",
}  # fmt: skip


@dataclass(frozen=True)
class Shape:
    """Dimensions in elements; `heads` are query heads."""

    id: str
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int
    tie_word_embeddings: bool
    qk_norm: bool = False  # an RMS norm over each head of queries and keys
    experts: int = 0  # of a mixture; 0: a dense MLP
    experts_per_token: int = 0
    expert_intermediate: int = 0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_record(cls, stored: Mapping[str, Any]) -> "Shape":
        """The shape as records and journals store it."""
        known = {field.name for field in fields(cls)}
        try:
            return cls(**{key: value for key, value in stored.items() if key in known})
        except TypeError as error:
            raise UsageError(f"the record's model is not a shape: {error}") from None


def load(argument: str) -> tuple[Shape, str]:
    """The shape that `--model` names, and the same argument as the measuring program reads it."""
    path = Path(argument)
    if path.is_dir():
        path = path / "config.json"
    if path.suffix != ".json":
        row = catalogue.find_model(argument)
        return from_config(row, row["id"], f"model {row['id']}"), row["id"]
    name = path.resolve().parent.name if path.name == "config.json" else path.stem
    return from_config(read_config(path), name, str(path)), str(path.resolve())


def read_config(path: Path) -> dict[str, Any]:
    """The JSON object in a config.json."""
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not valid JSON: {' '.join(str(error).split())}") from None
    if not isinstance(config, dict):
        raise UsageError(f"{path} does not hold a JSON object: give a Hugging Face config.json")
    return config


def from_config(config: Mapping[str, Any], name: str, where: str) -> Shape:
    """Check a config and take the shape out of it; `where` names it in errors."""
    text = config.get("text_config")
    if isinstance(text, dict):
        config = {**config, **text}
    family = str(config.get("model_type") or name).casefold()
    sparse = config.get("model_type") == "qwen3_moe"
    _refuse_unsupported(config, family, where, sparse)

    def number(key: str, default: int | None = None, largest: int = LARGEST) -> int:
        value = config.get(key)
        if value is None and default is not None:
            return default
        if value is None:
            raise UsageError(f"{where} has no '{key}': give a decoder's Hugging Face config.json")
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
            raise UsageError(
                f"{where}: '{key}' must be an integer from 1 to {largest}, not {str(value)[:40]}"
            )
        return value

    hidden, heads = number("hidden_size"), number("num_attention_heads")
    tied = config.get("tie_word_embeddings")
    tied = family.startswith("gemma") if tied is None else tied
    if not isinstance(tied, bool):
        raise UsageError(f"{where}: 'tie_word_embeddings' must be true or false, not {tied!r}")
    shape = Shape(
        id=name,
        hidden_size=hidden,
        intermediate_size=number("intermediate_size"),
        layers=number("num_hidden_layers", largest=1024),
        heads=heads,
        kv_heads=number("num_key_value_heads", heads),
        head_dim=number("head_dim", max(1, hidden // heads)),
        vocab_size=number("vocab_size"),
        tie_word_embeddings=tied,
        qk_norm=sparse or config.get("model_type") == "qwen3",
        experts=number("num_experts", largest=4096) if sparse else 0,
        experts_per_token=number("num_experts_per_tok", largest=64) if sparse else 0,
        expert_intermediate=number("moe_intermediate_size") if sparse else 0,
    )
    if shape.experts_per_token > shape.experts:
        raise UsageError(f"{where}: num_experts_per_tok is more than num_experts")
    if sparse and (config.get("mlp_only_layers") or number("decoder_sparse_step", 1) != 1):
        raise UsageError(f"{where} has dense layers among those with experts: it cannot be run")
    if shape.heads % shape.kv_heads:
        raise UsageError(
            f"{where}: num_attention_heads {shape.heads} is not a multiple of "
            f"num_key_value_heads {shape.kv_heads}"
        )
    if shape.head_dim % 2 or shape.head_dim > 512:
        raise UsageError(f"{where}: head_dim {shape.head_dim} must be even and at most 512")
    return shape


def _refuse_unsupported(config: Mapping[str, Any], family: str, where: str, sparse: bool) -> None:
    counts = [config.get(key) for key in EXPERT_KEYS if not (sparse and key == "num_experts")]
    experts = max((n for n in counts if isinstance(n, int)), default=0)
    reason = ""
    if experts > 1:
        reason = f"a mixture of {experts} experts"
    elif config.get("kv_lora_rank"):
        reason = "multi-head latent attention (kv_lora_rank)"
    elif config.get("mlp_gated") is False or family in PLAIN_MLP_TYPES:
        reason = "an MLP without a gate"
    if reason:
        raise UsageError(
            f"{where} has {reason}, which membound cannot run: use a dense gated one or a qwen3_moe"
        )
