"""Programming languages by the endings of file names, with the colours GitHub shows them in."""

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from sandbox.github.history import TreeEntry

_ENDINGS = {
    "c": "C",
    "cc": "C++",
    "cpp": "C++",
    "cs": "C#",
    "css": "CSS",
    "go": "Go",
    "html": "HTML",
    "java": "Java",
    "js": "JavaScript",
    "kt": "Kotlin",
    "php": "PHP",
    "py": "Python",
    "r": "R",
    "rb": "Ruby",
    "rs": "Rust",
    "sh": "Shell",
    "swift": "Swift",
    "ts": "TypeScript",
}
COLORS = {
    "C": "#555555",
    "C++": "#f34b7d",
    "C#": "#178600",
    "CSS": "#663399",
    "Go": "#00ADD8",
    "HTML": "#e34c26",
    "Java": "#b07219",
    "JavaScript": "#f1e05a",
    "Kotlin": "#A97BFF",
    "PHP": "#4F5D95",
    "Python": "#3572A5",
    "R": "#198CE7",
    "Ruby": "#701516",
    "Rust": "#dea584",
    "Shell": "#89e051",
    "Swift": "#F05138",
    "TypeScript": "#3178c6",
}


def language_of(file_name: str) -> str | None:
    """None for data, prose and what is not known here."""
    return _ENDINGS.get(PurePosixPath(file_name).suffix.lower().removeprefix("."))


def languages_in(entries: Iterable[TreeEntry]) -> dict[str, int]:
    """Bytes by language, the largest first."""
    sizes: Counter[str] = Counter()
    for entry in entries:
        language = language_of(entry.path) if entry.type == "blob" else None
        if language and entry.size:
            sizes[language] += entry.size
    return dict(sorted(sizes.items(), key=lambda each: (-each[1], each[0])))
