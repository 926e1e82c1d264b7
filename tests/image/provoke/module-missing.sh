#!/usr/bin/env bash
# Code of one's own (PYTHONPATH under env in dsk.yaml) that wants a package which is not in the image.
in_ranks <<'END'
import flash_attn_interface
END
rank
