"""Reference-based video colourisation after Akimoto et al. 2020, with its extensions.

The folders and modules follow the paper's stages: features, tracking, warping, refinement, upsampling, propagation.
"""
