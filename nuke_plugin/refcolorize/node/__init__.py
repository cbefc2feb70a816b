"""The RefColorize node: its knobs, keyframes, inputs, shots, versions and colour spaces. Main thread only."""
