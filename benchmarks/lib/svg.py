"""Drawings as SVG files of their own: the style, and the page around a drawing."""

import jinja2

from slide_mobile.report.drawing import Drawing

# The background is part of the picture, so that it is readable on a page of either color.
STYLE = """
text { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; }
.title { font-size: 18px; font-weight: 600; } .small { font-size: 11.5px; }
.strong { font-weight: 600; }
.back { fill: #ffffff; stroke: #d0d7de; } text { fill: #1f2328; }
.soft, .small { fill: #59636e; } .axis { fill: #818b98; }
.slow { fill: #d1622b; } .parent { fill: #818b98; } .ours { fill: #1f6feb; }
@media (prefers-color-scheme: dark) {
  .back { fill: #0d1117; stroke: #3d444d; } text { fill: #f0f6fc; }
  .soft, .small { fill: #9198a1; } .axis { fill: #656c76; }
  .slow { fill: #f0883e; } .parent { fill: #9198a1; } .ours { fill: #58a6ff; }
}
"""
# For plots, which have lines.
PLOT_STYLE = (
    STYLE
    + """polyline { fill: none; stroke: #818b98; stroke-width: 1; } .grid-line { stroke: #d0d7de; }
polyline.slow { stroke: #d1622b; } polyline.parent { stroke: #818b98; }
polyline.ours { stroke: #1f6feb; } polyline.slow, polyline.parent, polyline.ours { fill: none; }
.tick, .axis-name { font-size: 12px; fill: #59636e; } .faint { fill: #818b98; opacity: 0.45; }
@media (prefers-color-scheme: dark) {
  polyline { stroke: #656c76; } .grid-line { stroke: #2a3038; }
  polyline.slow { stroke: #f0883e; } polyline.ours { stroke: #58a6ff; }
  .tick, .axis-name { fill: #9198a1; }
}
"""
)
PAGE = """\
{% from "parts.html" import svg %}
<svg xmlns="http://www.w3.org/2000/svg" width="{{ width }}" height="{{ height }}">
<style>{{ style | safe }}</style>
{% if backed %}
<rect class="back" width="{{ width }}" height="{{ height }}" rx="2"/>
{% endif %}
{{ svg(drawing, alt, kind) }}
</svg>
"""


def page(drawing: Drawing, alt: str, *, kind: str) -> str:
    """The SVG of a drawing; `alt` says the same to readers who cannot see it."""
    return _page(drawing, alt, kind=kind, style=STYLE, backed=False)


def plot(drawing: Drawing, alt: str, *, kind: str) -> str:
    """The SVG of a drawing with lines, on a background of its own: a box would cover them."""
    return _page(drawing, alt, kind=kind, style=PLOT_STYLE, backed=True)


def _page(drawing: Drawing, alt: str, *, kind: str, style: str, backed: bool) -> str:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("slide_mobile.report"),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return templates.from_string(PAGE).render(
        width=f"{drawing.width:g}",
        height=f"{drawing.height:g}",
        style=style,
        drawing=drawing,
        alt=alt,
        kind=kind,
        backed=backed,
    )
