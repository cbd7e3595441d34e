"""What the scripts share: building files, timing them, result documents, gates and tables."""
