"""`python -m slide_mobile`."""

from slide_mobile.cli import main

main(prog_name="slide-mobile")
