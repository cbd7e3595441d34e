"""The command line: parse, call one verb, print.

Exit codes: 0 done and passed, 1 a gate failed, 2 the call is wrong, 3 the environment lacks
something; 70 an internal error, 130 interrupted.
"""

from slide_mobile.cli.commands import main as main
