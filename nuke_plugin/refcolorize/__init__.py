"""RefColorize in Nuke: the node, its panel and the client of the core, the program that colours the shot.

Needs Python 3.9, the standard library, `nuke` and PySide only, and imports nothing of stcolor_core. Importing this
package loads nothing else.
"""

import sys

if sys.version_info < (3, 9):  # noqa: UP036  (a node's button can get here in Nuke 13)
    raise ImportError("RefColorize needs Nuke 14 or newer.")
