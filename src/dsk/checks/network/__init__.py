"""The network between the nodes, judged from what the workers measured (wire.measure)."""
