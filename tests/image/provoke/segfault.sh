#!/usr/bin/env bash
own_program <<'END'
import ctypes
ctypes.string_at(0)
END
train
