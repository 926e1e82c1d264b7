#!/usr/bin/env bash
DS_ACCELERATOR=cuda python -c 'from deepspeed.ops.op_builder import CPUAdamBuilder
from deepspeed.ops.op_builder.builder import installed_cuda_version
installed_cuda_version()'
