"""Training of the weights that come with the package: matching features and refinement."""
