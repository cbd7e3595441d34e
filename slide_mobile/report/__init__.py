"""Write one file about many artifacts, for people: HTML, Markdown or CSV."""

from slide_mobile.report.writing import write_report as write_report
