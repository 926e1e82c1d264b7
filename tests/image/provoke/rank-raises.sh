#!/usr/bin/env bash
own_program <<'END'
raise RuntimeError("the moon is in the wrong phase")
END
rank
