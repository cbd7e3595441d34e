"""Tools of the repository that no wheel ships."""
