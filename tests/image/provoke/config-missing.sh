#!/usr/bin/env bash
ds "$LF"/src/train.py train /nowhere/train.yaml
