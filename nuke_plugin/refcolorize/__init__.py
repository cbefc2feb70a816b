"""RefColorize in Nuke: the node, its panel, and the way to the core that colours.

Python 3.9, the standard library, `nuke` and PySide only; nothing of stcolor_core. Importing this costs nothing.
"""

import sys

if sys.version_info < (3, 9):  # noqa: UP036  (Nuke 13, where a button of the node may come here)
    raise ImportError("RefColorize needs Nuke 14 or newer.")
