"""Models from a hub. Runs in the image alone, with its hub libraries, imported where used."""
