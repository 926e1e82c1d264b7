#!/usr/bin/env bash
train dataset=identitty
