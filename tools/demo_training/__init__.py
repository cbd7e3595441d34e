"""How the bundled demo model was trained, and the card that says what it reached."""
