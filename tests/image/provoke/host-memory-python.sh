#!/usr/bin/env bash
in_ranks <<'END'
bytearray(1 << 46)
END
rank
