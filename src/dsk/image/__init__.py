"""The image's life on the servers: sync, save, load, verify."""
