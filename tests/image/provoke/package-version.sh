#!/usr/bin/env bash
rank stage=ppo reward_model=/made/model reward_model_type=full
