"""Measurements to findings: what would make a job fail. Pure, one check a file."""
