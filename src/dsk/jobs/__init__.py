"""Jobs: launch, follow, stop, status, logs; and the two runtimes, Docker engine and in place."""
