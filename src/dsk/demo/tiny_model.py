"""`python -m dsk.demo.tiny_model FOLDER`, inside the image: a tiny random Qwen2 and its tokenizer.

Enough to take the whole path of a real model, with no download: a byte-level vocabulary without
merges, two layers, some 200,000 parameters. The same seed gives the same files on every node.

The image has it ready (Dockerfile), made by this program: to copy it takes no import of torch.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

READY = Path("/usr/local/share/dsk/tiny-model")
SEED = 20240229
PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"


def save(folder: str) -> None:
    if READY.is_dir():
        shutil.copytree(READY, folder, copy_function=shutil.copyfile, dirs_exist_ok=True)
    else:
        make(folder)


def make(folder: str) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={char: i for i, char in enumerate(alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[START, END],
    )
    torch.manual_seed(SEED)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=96,
        intermediate_size=192,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    save(sys.argv[1])
