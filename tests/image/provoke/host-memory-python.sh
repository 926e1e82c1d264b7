#!/usr/bin/env bash
own_program <<'END'
bytearray(1 << 46)
END
rank
