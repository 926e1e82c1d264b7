"""What the operator's side, the supervisor and the agents say to each other.

Standard library only: the agent runs it on every node before anything heavy is imported.
"""

PROTOCOL = 9
"""Raised whenever one side would misunderstand the other; the sides refuse to work across it."""
