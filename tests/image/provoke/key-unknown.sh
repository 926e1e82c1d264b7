#!/usr/bin/env bash
train learning_ratee=1
