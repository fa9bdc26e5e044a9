"""The parts of a year that repeat hundreds of times, put together without a template: that halves the cost of
a page. All that stands in them are numbers, dates and words of ours.
"""

from collections.abc import Iterable

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from sync.pages.heatmap import Square, day_and_month
from sync.pages.year_view import WeekLine

register = template.Library()


@register.filter
def squares(days: Iterable[Square]) -> SafeString:
    """A `<rect>` for each day, coloured by its class."""
    return mark_safe("".join(map(_square, days)))  # noqa: S308 - numbers and dates only


def _square(square: Square) -> str:
    level = "unknown" if square.level is None else square.level
    count = "not collected" if square.count is None else square.count
    return (
        f'<rect class="level-{level}" x="{square.x}" y="{square.y}">'
        f"<title>{day_and_month(square.day)}: {count}</title></rect>"
    )


@register.filter
def week_lines(lines: Iterable[WeekLine]) -> SafeString:
    """A `<li>` for each week, with a link where there is something to see."""
    pattern = reverse("week", args=["WEEK"])
    return mark_safe("\n".join(_week_line(line, pattern) for line in lines))  # noqa: S308 - escaped below


def _week_line(line: WeekLine, pattern: str) -> str:
    week, contributions = line.week, ""
    name = f"W{week.number:02d}"
    if line.records or line.contributions:
        link = pattern.replace("WEEK", str(week))
        title = f'<a class="week-name" href="{escape(link)}">{name}</a>'
    else:
        title = f'<span class="week-name">{name}</span>'
    if line.contributions is not None:
        number = f"{intcomma(line.contributions)} contribution{pluralize(line.contributions)}"
        contributions = f'<span class="visually-hidden">{number}, </span>'
    first, last = day_and_month(week.starts_on), day_and_month(week.ends_on)
    return (
        f'<li>{title}<span class="week-days">{first} – {last}</span>'  # noqa: RUF001
        f'<span class="week-count">{contributions}{escape(line.in_words or "no records")}</span>'
        f'<span class="state {line.state}">{line.state}</span></li>'
    )
