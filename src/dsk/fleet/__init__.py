"""What happens on all nodes: up, down, commands in the workers, files between them."""
