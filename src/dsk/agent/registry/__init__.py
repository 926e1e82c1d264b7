"""`dsk-agent registry`: the image that it runs from, for one sync, to those with a certificate."""
