#!/usr/bin/env bash
train template=qwen99
