"""RefColorize core: reference-based video colourisation with spatiotemporal correspondence.

The method follows N. Akimoto, A. Hayakawa, A. Shin and T. Narihira, "Reference-Based Video Colorization with
Spatiotemporal Correspondence", 2020, arXiv:2011.12528. "Eq. N" in this package is an equation of that paper.
docs/method.md states the method as it is built, what the paper leaves open, and what goes beyond it.

Importing this package costs nothing; torch loads only in the modules that compute with it.
"""

import os
import sys

if sys.platform == "darwin":  # torch reads this when it is imported: what Apple's GPU lacks then runs on the CPU
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
# OpenCV reads these when it is imported. Its threads would spin while they wait for work, on cores that other frames
# need: a fifteenth of a small frame's CPU.
os.environ.setdefault("OPENCV_THREAD_POOL_ACTIVE_WAIT_MAIN", "0")
os.environ.setdefault("OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER", "0")

__version__ = "0.1.0"
