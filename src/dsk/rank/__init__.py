"""One rank's training, which says how far it is. Runs in the image alone, beside the stack."""
