"""What happens on the servers: keys, bundles, image, up, down, commands in the workers."""
