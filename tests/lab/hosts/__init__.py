"""Two (to five) real hosts on one machine: see docs/lab.md. Standard library only."""

from hosts.command import LabError
from hosts.lab import Lab
from hosts.node import Node

__all__ = ["Lab", "LabError", "Node"]
