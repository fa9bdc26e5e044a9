"""The GraphQL documents we send, one module per subject. All of them read, none ever writes."""

from github_client.queries.commits import pages
from github_client.queries.contributions import contribution_windows, probe
from github_client.queries.files import files
from github_client.queries.query import Query
from github_client.queries.repositories import commit_totals, releases, repository_page
from github_client.queries.reviews import more_review_comments, more_reviews, reviewed_pull_requests

__all__ = [
    "Query",
    "commit_totals",
    "contribution_windows",
    "files",
    "more_review_comments",
    "more_reviews",
    "pages",
    "probe",
    "releases",
    "repository_page",
    "reviewed_pull_requests",
]
