"""A static site that checks and measures artifacts in any browser, by LiteRT.js."""

from slide_mobile.web.site import Site as Site
from slide_mobile.web.writing import write as write
