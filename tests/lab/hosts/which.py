"""Which of the machine's labs this is: DSK_LAB, 0 where it is not set or empty.

Labs of different numbers have their own addresses, folders and lock, and run side by side.
"""

from __future__ import annotations

import os

NUMBER = int(os.environ.get("DSK_LAB") or "0")
NAME = f"dsk-lab-{NUMBER}" if NUMBER else "dsk-lab"
