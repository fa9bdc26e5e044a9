"""What the files are and what we know of a member, in words; and a notebook that reads the files."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from sync.archive import FORMAT

CELLS_FILE = Path(__file__).parent / "notebook" / "cells.txt"
NOTEBOOK_NAME = "github-for-open-humans.ipynb"
CELL_MARK = "# %%"
MARKDOWN_MARK = "# %% [markdown]"
THREE_LINES = """\
import json, pandas

weeks = json.load(open("github-2026.json"))["weeks"]
commits = pandas.DataFrame([{"week": week, **commit} for week in weeks for commit in weeks[week]["commits"]])
"""
TRACK_LINES = """\
import json, pandas

features = json.load(open("github-tracks-2026.geojson"))["features"]
tracks = pandas.DataFrame([feature["properties"] for feature in features])
weekly = tracks[tracks.kind == "track"].groupby("week")[["distance_m", "duration_s"]].sum()
"""


# The columns of github-daily.csv after the calendar's own count.
COLUMNS = {
    "commits": "Commits you wrote, by their author date.",
    "issues": "Issues you opened.",
    "pull_requests": "Pull requests you opened.",
    "reviews": "Reviews you submitted; the comments inside a review are not counted apart.",
    "comments": "Comments on issues, pull requests, commits, gists and in discussions.",
    "discussions": "Discussions you started.",
    "stars": "Repositories you starred.",
    "gists": "Gists you made.",
    "releases": "Releases you published.",
    "repositories_created": "Repositories you made, forks among them.",
}


@require_safe
def your_data(request: HttpRequest) -> HttpResponse:
    context = {
        "three_lines": THREE_LINES,
        "track_lines": TRACK_LINES,
        "columns": [{"column": column, "words": words} for column, words in COLUMNS.items()],
        "login_days": settings.SESSION_COOKIE_AGE // 86_400,
        "left_rows_days": int(settings.LEFT_ROWS_DAYS),
        "settling_hours": int(settings.SYNC_SETTLING_HOURS),
    }
    return render(request, "sync/your_data.html", context)


@require_safe
@cache_control(public=True, max_age=3600)
def notebook(_request: HttpRequest) -> JsonResponse:
    response = JsonResponse(make_notebook(settings.OPENHUMANS_URL), json_dumps_params={"indent": 1})
    response["Content-Type"] = "application/x-ipynb+json"
    response["Content-Disposition"] = f'attachment; filename="{NOTEBOOK_NAME}"'
    return response


def make_notebook(openhumans_url: str) -> dict[str, Any]:
    """The cells file as Jupyter's nbformat 4.4."""
    text = CELLS_FILE.read_text(encoding="utf-8")
    text = text.replace("@SERVER@", openhumans_url).replace("@FORMAT@", FORMAT)
    parts = text.split(f"\n{CELL_MARK}")
    parts[0] = parts[0].removeprefix(CELL_MARK)
    return {
        "cells": [_cell(CELL_MARK + part) for part in parts],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 4,
    }


def _cell(text: str) -> dict[str, Any]:
    first, _, body = text.strip("\n").partition("\n")
    if first == MARKDOWN_MARK:
        text = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.split("\n"))
        return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}
    source = body.splitlines(keepends=True)
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
