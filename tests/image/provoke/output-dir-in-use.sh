#!/usr/bin/env bash
mkdir out; touch out/model.safetensors; rank
