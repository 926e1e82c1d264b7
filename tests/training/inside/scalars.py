"""The training losses in the one event file below a folder. Last line: [[unix time, loss], …]."""

import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

[written] = Path(sys.argv[1]).rglob("events.out.tfevents.*")
events = EventAccumulator(str(written)).Reload()
print(json.dumps([[event.wall_time, event.value] for event in events.Scalars("train/loss")]))
