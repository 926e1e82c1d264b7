"""Short jobs on idle nodes: collectives, one step of a training, and the search for
the nodes that fail."""
