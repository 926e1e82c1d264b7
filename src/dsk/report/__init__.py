"""`dsk report`: what a job's folder holds, as figures and as one page. Pure: bytes in, text out."""
