#!/usr/bin/env bash
train
