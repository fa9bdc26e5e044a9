"""From GitHub's data to our types, one module per subject. Pure; wrong shapes are UnexpectedResponse."""

from github_client.decoding.commits import commit_pages, rest_commits
from github_client.decoding.files import files, shrink_entry, tree
from github_client.decoding.lists import list_pages
from github_client.decoding.parts import decode
from github_client.decoding.people import days, probe, rest_identity, windows
from github_client.decoding.repositories import commit_totals, releases, viewer_repositories
from github_client.decoding.reviews import more_comments, more_reviews, review_page

__all__ = [
    "commit_pages",
    "commit_totals",
    "days",
    "decode",
    "files",
    "list_pages",
    "more_comments",
    "more_reviews",
    "probe",
    "releases",
    "rest_commits",
    "rest_identity",
    "review_page",
    "shrink_entry",
    "tree",
    "viewer_repositories",
    "windows",
]
