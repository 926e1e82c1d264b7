"""Files between the workspaces of a cluster's nodes: what differs is sent, and compared by SHA-256.

Run in the master's worker by `dsk push` and `dsk pull`, and by a job's supervisor for models.
"""
