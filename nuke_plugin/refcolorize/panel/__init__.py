"""The RefColorize panel, the farm dialog and their Qt widgets."""
