#!/usr/bin/env bash
rank template=qwen99
