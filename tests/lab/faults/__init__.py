"""One fault in one job: what does it, when it was noticed, when all had ended, what was left."""
