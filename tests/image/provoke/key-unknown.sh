#!/usr/bin/env bash
rank learning_ratee=1
