"""`python -m dsk`."""

from dsk.cli.main import main

main()
