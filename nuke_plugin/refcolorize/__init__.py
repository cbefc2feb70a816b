"""RefColorize in Nuke: the node, its panel, and the way to the core that colours.

Python 3.9, the standard library, `nuke` and PySide only; nothing of stcolor_core. Importing this costs nothing.
"""
