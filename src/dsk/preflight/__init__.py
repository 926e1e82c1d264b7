"""Measures what `dsk check` judges, and fixes what can be fixed without losing anything."""
