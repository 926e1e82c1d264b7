"""What one worker measures of its node's network, for dsk.supervisor.measure.

Without dataclasses, argparse or subprocess where it can be: their imports would double the start
of a program that lives for seconds, on every node (bench/check_scale.py).
"""
