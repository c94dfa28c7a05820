"""Plots as inline SVG whose colours follow the page's light or dark theme.

Matplotlib wants fixed colours. Each colour of the theme is drawn as a marker value that
no plot uses otherwise and is exchanged for a CSS variable in the finished SVG.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lumina.errors import UsageError
from lumina.store.report._html import Html, tag

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "AMBER",
    "BLUE",
    "FAINT",
    "GREY",
    "INK",
    "MUTED",
    "ORANGE",
    "RED",
    "SERIES",
    "TEAL",
    "VIOLET",
    "new_figure",
    "plain_decades",
    "plotting",
    "thin",
    "tidy",
    "to_svg",
]

INK, MUTED, FAINT = "#010101", "#010102", "#010103"
BLUE, ORANGE, TEAL, VIOLET, GREY = "#010104", "#010105", "#010106", "#010107", "#010108"
AMBER, RED, GREEN, PINK = "#010109", "#01010a", "#01010b", "#01010c"

SERIES = (BLUE, ORANGE, TEAL, VIOLET, GREEN, PINK, AMBER, GREY)
"""Colours of lines that have no meaning of their own, in order."""

_THEME = {
    INK: "ink",
    MUTED: "muted",
    FAINT: "line",
    BLUE: "blue",
    ORANGE: "orange",
    TEAL: "teal",
    VIOLET: "violet",
    GREY: "grey",
    AMBER: "amber",
    RED: "red",
    GREEN: "green",
    PINK: "pink",
}

_STYLE: Any = {  # Matplotlib 3.11 types the keys, 3.10 does not
    "svg.hashsalt": "lumina",
    "svg.fonttype": "none",  # text stays text: small, and in the page's font
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "figure.facecolor": "none",
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.3,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "legend.labelcolor": "linecolor",
    "legend.handlelength": 1.2,
    "legend.columnspacing": 1.2,
    "xtick.color": FAINT,
    "xtick.labelcolor": MUTED,
    "ytick.color": "none",
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
}


@contextmanager
def plotting() -> Iterator[None]:
    """Matplotlib in the report's style, within the block only.

    Raises:
        UsageError: Matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UsageError(
            "the report's plots need Matplotlib: pip install lumina[report]"
        ) from error
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The browser's fonts have the glyphs that Matplotlib's own lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def new_figure(width_in: float, height_in: float) -> "Figure":
    """An empty figure that lays itself out."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained")


def tidy(axes: "Axes", title: str, unit: str = "") -> None:
    """Title with the unit behind it, and the legend beside it instead of on the data."""
    axes.set_title(f"{title}, {unit}" if unit else title)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=6, borderaxespad=0, borderpad=0.2
        )


def plain_decades(axes: "Axes") -> None:
    """Powers of ten in figures on the y axis: text is not parsed for mathematics here."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def to_svg(figure: "Figure", description: str) -> Html:
    """The figure as an inline SVG element; the same figure gives the same text."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    for marker, name in _THEME.items():
        svg = svg.replace(marker, f"var(--{name})")
    return tag("figure", Html(svg), class_="plot", role="img", aria_label=description)


def thin(
    t_s: NDArray[np.float64], values: NDArray[np.float64], bins: int = 600
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Reduce a trace to its extremes per bin, so that no spike is lost.

    Args:
        t_s: shape (n,), rising, in s.
        values: shape (n,); NaN where nothing was measured.
        bins: bins that are left, of two points each.

    Returns:
        Times and values, of shape (n,) where n is small, else about (2 bins,).
    """
    size = -(-t_s.size // bins)
    if size <= 2:
        return t_s, values
    missing = -t_s.size % size
    blocks = np.pad(values, (0, missing), mode="edge").reshape(-1, size)
    times = np.pad(t_s, (0, missing), mode="edge").reshape(-1, size)
    extremes = np.stack([np.fmin.reduce(blocks, axis=1), np.fmax.reduce(blocks, axis=1)], axis=1)
    return np.ravel(times[:, [0, size // 2]]), np.ravel(extremes)
