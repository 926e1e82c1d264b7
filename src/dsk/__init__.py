"""dsk: one image, one file and one command for multi-node LLaMA-Factory and DeepSpeed training."""

__version__ = "0.1.0"
DISTRIBUTION = "dsk-train"
"""The name under which package indexes and `pip list` know dsk."""
