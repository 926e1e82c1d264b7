"""Loads a model with a buffer in its checkpoint on two ranks under ZeRO-3, on CPU.

The model is a tiny DeepSeek-V3, whose router's correction bias is such a buffer. Out: {"saved":
[value, ...], "loaded": [[value, ...] of each rank], "output": text}.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

WORK = Path("/tmp/work")
MODEL = WORK / "model"
ZERO_3 = {"zero_optimization": {"stage": 3}, "train_micro_batch_size_per_gpu": 1}
LIMIT_S = 200


def bias(model: Any) -> Any:
    [found] = [b for name, b in model.named_buffers() if name.endswith("e_score_correction_bias")]
    return found


def save() -> list[float]:
    import torch
    from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

    config = DeepseekV3Config(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=32,
        moe_intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        n_routed_experts=4,
        num_experts_per_tok=2,
        n_group=2,
        topk_group=1,
        first_k_dense_replace=1,
        q_lora_rank=8,
        kv_lora_rank=8,
        qk_rope_head_dim=8,
        qk_nope_head_dim=8,
        v_head_dim=16,
    )
    model = DeepseekV3ForCausalLM(config)
    bias(model).copy_(torch.tensor([0.5, 1.5, 2.5, 3.5]))
    model.save_pretrained(str(MODEL))
    return list(bias(model).tolist())


def load() -> None:
    from transformers import AutoModelForCausalLM
    from transformers.integrations import HfDeepSpeedConfig

    zero_3 = HfDeepSpeedConfig(ZERO_3)  # as long as it lives, from_pretrained uses ZeRO-3
    values = bias(AutoModelForCausalLM.from_pretrained(str(MODEL))).tolist()
    del zero_3
    (WORK / f"rank{os.environ['RANK']}.json").write_text(json.dumps(values))


def main() -> None:
    if "RANK" in os.environ:
        load()
        return
    WORK.mkdir()
    saved = save()
    env = {
        **os.environ, "DS_ACCELERATOR": "cpu", "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29555", "WORLD_SIZE": "2", "LOCAL_SIZE": "2",
    }  # fmt: skip
    ranks = [
        subprocess.Popen(
            sys.orig_argv,  # this program again
            env={**env, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    output = "".join(rank.communicate(timeout=LIMIT_S)[0] for rank in ranks)
    loaded = [json.loads(file.read_text()) for file in sorted(WORK.glob("rank*.json"))]
    print(json.dumps({"saved": saved, "loaded": loaded, "output": output}))


main()
