#!/usr/bin/env bash
# A script of one's own that wants a package which is not in the image.
own_program <<'END'
import flash_attn_interface
END
rank
