"""What one worker measures of its node's network, for dsk.supervisor.measure.

Without dataclasses and argparse: their imports would double the start of a program that lives for
seconds, on every node (docs/decisions/0017).
"""
