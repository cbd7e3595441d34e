"""What this machine can convert and check, and the command that installs what it lacks."""
