"""The version, in one place for the build, the manifest and the command line."""

__version__ = "0.2.0"
