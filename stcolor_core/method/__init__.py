"""The method of Akimoto et al. 2020 and what goes beyond it: features, tracking, warping, refinement, upsampling,
propagation."""
