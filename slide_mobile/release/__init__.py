"""A matrix of models, targets and precisions: converted, checked, timed and reported."""
