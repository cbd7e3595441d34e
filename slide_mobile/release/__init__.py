"""Convert, check, time and report a matrix of models, targets and precisions."""
