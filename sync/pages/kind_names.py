"""What kinds of records are called on pages, and what of them is kept, in words."""

NAMES = {
    "commits": ("Commits", "message, dates, size of the change, repository"),
    "calendar": ("Contribution calendar", "how many contributions on each day"),
    "issues": ("Issues", "title, text, dates"),
    "pull_requests": ("Pull requests", "title, text, dates, size of the change"),
    "reviews": ("Reviews", "verdict, text and comments"),
    "comments": ("Comments", "on issues, pull requests and commits"),
    "discussions": ("Discussions", "and comments in them"),
    "stars": ("Stars", "which repositories, and when"),
    "gists": ("Gists", "names and dates"),
    "releases": ("Releases", "name, text, date"),
    "repositories_created": ("Repositories created", "name and date"),
    "tracks": ("GPS tracks", "from files in your repositories"),
}


def name_of(kind: str) -> str:
    """Also of one that is not known here: a file may be newer than this list."""
    return NAMES[kind][0] if kind in NAMES else kind.replace("_", " ").capitalize()


def text_of(kind: str) -> str:
    return NAMES[kind][1] if kind in NAMES else ""


SINGULAR = {
    "repositories_created": "repository created",
    "discussions": "discussion",
    "tracks": "GPS track",
}


def count_of(kind: str, number: int) -> str:
    """`1 pull request`, `1,204 commits`."""
    plural = name_of(kind) if kind == "tracks" else name_of(kind).lower()
    singular = SINGULAR.get(kind, plural.removesuffix("s"))
    return f"{number:,} {singular if number == 1 else plural}"
