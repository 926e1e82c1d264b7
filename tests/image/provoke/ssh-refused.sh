#!/usr/bin/env bash
ssh -p 2222 -o BatchMode=yes 127.0.0.1 true
