"""The warm process of a worker: it has imported the training stack, and ranks are forked from it.

docs/warm-starts.md. Needs the standard library alone, and what it imports for the ranks.
"""
