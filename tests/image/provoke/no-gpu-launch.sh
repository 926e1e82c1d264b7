#!/usr/bin/env bash
# A job for GPUs in a container that was given none.
DS_ACCELERATOR=cuda train
