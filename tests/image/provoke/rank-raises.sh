#!/usr/bin/env bash
in_ranks <<'END'
raise RuntimeError("the moon is in the wrong phase")
END
train
