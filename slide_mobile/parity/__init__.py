"""Does a written file compute what PyTorch computes? References, images, metrics, results."""
