#!/usr/bin/env bash
HF_ENDPOINT=https://hub.example train model_name_or_path=some/model
