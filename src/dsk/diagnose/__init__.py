"""Logs and events to the first cause of a failure, by a catalogue of what is known."""

from dsk.diagnose.catalogue import load
from dsk.diagnose.diagnosis import Diagnosis
from dsk.diagnose.judge import Judge
from dsk.diagnose.lines import Line, of_events, of_log
from dsk.diagnose.place import Place

__all__ = ["Diagnosis", "Judge", "Line", "Place", "load", "of_events", "of_log"]
