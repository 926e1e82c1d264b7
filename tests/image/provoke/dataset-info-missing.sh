#!/usr/bin/env bash
mkdir data; train dataset_dir=/tmp/data
