"""What a worker says of itself and of a job's files, for `dsk check`, from inside."""
