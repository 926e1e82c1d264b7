"""In the ranks of a probe: real collectives over all of them. torch, the standard library, wire."""
