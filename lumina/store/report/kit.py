"""What a report is made of, for rooms that add sections of their own to one."""

from lumina.store.report import _figure as figures
from lumina.store.report._charts import calibration_charts
from lumina.store.report._html import Html, join, tag
from lumina.store.report._sections import columns, figures_section, figures_table, section
from lumina.store.report._text import duration, label, percent, quantity, time_scale

__all__ = [
    "Html",
    "calibration_charts",
    "columns",
    "duration",
    "figures",
    "figures_section",
    "figures_table",
    "join",
    "label",
    "percent",
    "quantity",
    "section",
    "tag",
    "time_scale",
]
