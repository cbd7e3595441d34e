"""What a phone's hardware makes of a model file: executors that run it as a phone does."""
