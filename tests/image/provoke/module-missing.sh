#!/usr/bin/env bash
train report_to=swanlab
