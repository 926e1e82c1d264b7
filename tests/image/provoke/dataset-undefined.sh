#!/usr/bin/env bash
rank dataset=identitty
