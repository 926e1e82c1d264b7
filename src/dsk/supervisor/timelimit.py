"""When the ranks are asked to save before a job's time limit. Pure; all times in seconds."""

from __future__ import annotations

END_S = 15.0
"""For the ranks to agree and to end, in addition to the save."""
MARGIN = 1.5
"""A save may take longer than the one before: the disk, and its cache, are fuller."""
LEAST_GUESS_S = 60.0
MOST_GUESS_S = 600.0
GUESSED_SHARE = 0.1
"""Of the limit, where no save has been measured."""
STEPS = 2
"""The request may come at the beginning of a step."""


def lead(limit: float, save: float | None, step: float | None) -> float:
    """How long before the limit the request is sent: `save` is what the last save took, `step` what
    a step takes, None where that is not known. Half of the limit at most."""
    guess = min(MOST_GUESS_S, max(LEAST_GUESS_S, GUESSED_SHARE * limit))
    saves = guess if save is None else MARGIN * save
    return min(limit / 2, saves + STEPS * (step or 0.0) + END_S)
