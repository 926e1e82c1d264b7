"""The search for the fastest settings of a training: which points to measure, and what they say."""
