#!/usr/bin/env bash
# ud2, the processor's own illegal instruction.
own_program <<'END'
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=7)
code.write(b"\x0f\x0b")
ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
END
train
