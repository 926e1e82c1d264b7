#!/usr/bin/env bash
in_ranks <<'END'
import ctypes
ctypes.string_at(0)
END
train
