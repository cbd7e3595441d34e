"""What the manual shows of real runs: the tutorial's outputs, and a picture of a terminal."""
