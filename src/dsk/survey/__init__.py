"""What dsk asks a server: each fact once, with its command, parser and recorded example. Pure."""
