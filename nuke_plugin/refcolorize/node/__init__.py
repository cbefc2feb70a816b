"""The node: knobs, keys, inputs, shots, versions, colour. Main thread only."""
