"""One job's files and command lines, made from its specification. Pure: text and lists only."""
