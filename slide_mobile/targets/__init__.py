"""What a target is: the converter protocol, the registry, and the tools converters share."""
