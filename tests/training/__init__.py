"""Real training: LLaMA-Factory's train.py under DeepSpeed's launcher, where both are."""
