#!/usr/bin/env bash
HF_ENDPOINT=https://hub.example rank model_name_or_path=some/model
