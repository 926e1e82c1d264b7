"""What the workers measure of each other, led from the master's worker (wire.measure)."""
