"""The standard model's method on tensors, from L* to colour at plate size, for a GPU: the pixels of a frame stay there.

A picture is uploaded once, and its result comes back once (`transfers`). Between the two nothing waits for the device.
What OpenCV and numpy do on the CPU in `method.matching`, `method.refinement` and `method.upsampling` is done here with
planes first, (C, H, W); tests hold the two together (`tests/core/method/on_device`). Shots with mattes, patches' own
walks and the exemplar model take the other path.
"""
