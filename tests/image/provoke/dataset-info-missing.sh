#!/usr/bin/env bash
mkdir data; rank dataset_dir=/tmp/data
