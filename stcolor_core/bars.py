"""Progress bars: tqdm's, without the lock that they would share with other processes.

No process shares a bar here. Where Python starts processes afresh, as on macOS, tqdm's lock is a named semaphore, which
a process that ends at once leaves behind, and Python then prints a warning of leaked semaphores.
"""

from __future__ import annotations

import threading

from tqdm import tqdm

__all__ = ["tqdm"]

tqdm.set_lock(threading.RLock())
