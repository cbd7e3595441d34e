"""One page about many artifacts, for people."""

from slide_mobile.report.writing import write as write
