#!/usr/bin/env bash
python -c 'import torch; torch.zeros(1, device="cuda")'
