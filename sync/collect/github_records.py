"""What GitHub's client returns -> records as they stand in the files, and whether the choice covers them.

A record holds what the member did and said. Counters that others move (comments, reactions, moments of the
last change) are left out, so that a file changes only when the member's own doing changed.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from github_client import (
    Comment,
    Commit,
    Discussion,
    Gist,
    Issue,
    ListItem,
    PullRequest,
    Release,
    Repository,
    RepositoryRef,
    Review,
    ReviewComment,
    Star,
)
from sync.models import RepositoryState, Subscription, YearFile
from sync.records import Entry, Record, clean_text, record_entry

Staged = tuple[str, Entry]
SECRET = "secret"  # noqa: S105  (a gist that is not public)


def file_kind(visibility: str) -> str:
    """Public things and others never share a file, because Open Humans shares a source as a whole."""
    return YearFile.Kind.PUBLIC if visibility == "public" else YearFile.Kind.PRIVATE


def is_covered(subscription: Subscription, visibility: str) -> bool:
    """Whether the member's choice covers it, whatever the token could read."""
    if visibility == SECRET:
        return bool(subscription.agreement.get("secret_gists"))
    return visibility == "public" or (subscription.includes_private and visibility != "unknown")


def moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def text(value: str | None) -> str | None:
    return None if value is None else clean_text(value)


def _staged(subscription: Subscription, kind: str, record: Record) -> Staged | None:
    if kind not in subscription.kinds or not is_covered(subscription, record["visibility"]):
        return None
    return file_kind(record["visibility"]), record_entry(kind, record)


def _of(repository: RepositoryRef) -> Record:
    return {
        "repository_id": repository.node_id,
        "repository": repository.name,
        "visibility": repository.visibility,
    }


def commit_entry(state: RepositoryState, commit: Commit) -> Entry:
    record: Record = {
        "repository_id": state.node_id,
        "repository": state.name,
        "oid": commit.oid,
        "authored_at": commit.authored_at,
        "committed_at": moment(commit.committed_at),
        "message": clean_text(commit.message),
        "additions": commit.additions,
        "deletions": commit.deletions,
        "changed_files": commit.changed_files,
        "url": commit.url,
        "visibility": state.visibility,
    }
    try:
        return record_entry("commits", record)
    except (ValueError, OverflowError):
        # An author date that no calendar holds: the commit's own date is the next best truth.
        return record_entry("commits", {**record, "authored_at": record["committed_at"]})


def repository_created(subscription: Subscription, repository: Repository) -> Staged | None:
    if repository.created_at is None:
        return None
    record: Record = {
        "repository_id": repository.node_id,
        "repository": repository.name,
        "created_at": moment(repository.created_at),
        "is_fork": repository.is_fork,
        "visibility": repository.visibility,
    }
    return _staged(subscription, "repositories_created", record)


def list_entries(subscription: Subscription, items: Iterable[ListItem]) -> list[Staged]:
    """Entries of list items, without what the choice does not cover."""
    staged: list[Staged | None] = []
    for item in items:
        match item:
            case Issue():
                staged.append(_staged(subscription, "issues", _issue(item)))
            case PullRequest():
                staged.append(_staged(subscription, "pull_requests", _pull_request(item)))
                staged += [review_entry(subscription, review) for review in item.reviews]
            case Comment():
                staged.append(_staged(subscription, "comments", _comment(item)))
            case Star():
                record = {**_of(item.repository), "starred_at": moment(item.starred_at)}
                staged.append(_staged(subscription, "stars", record))
            case Gist():
                staged.append(_staged(subscription, "gists", _gist(item)))
            case Discussion():
                staged.append(_staged(subscription, "discussions", _discussion(item)))
    return [entry for entry in staged if entry is not None]


def record_key(item: ListItem) -> tuple[str, ...]:
    """As the record's own (`KINDS`), also of what the choice does not cover."""
    if isinstance(item, Star):
        return item.repository.node_id, moment(item.starred_at) or ""
    return (item.node_id,)


def is_listed(subscription: Subscription, item: ListItem) -> bool:
    """Whether the choice covers it, so that it becomes a record."""
    match item:
        case Gist():
            visibility = "public" if item.is_public else SECRET
        case Comment(repository=None):
            visibility = "public" if item.is_public else SECRET
        case _:
            visibility = item.repository.visibility if item.repository else SECRET
    return is_covered(subscription, visibility)


def _issue(issue: Issue) -> Record:
    return {
        **_of(issue.repository),
        "id": issue.node_id,
        "number": issue.number,
        "title": text(issue.title),
        "body": text(issue.body),
        "state": issue.state,
        "state_reason": issue.state_reason,
        "created_at": moment(issue.created_at),
        "closed_at": moment(issue.closed_at),
        "url": issue.url,
    }


def _pull_request(pull_request: PullRequest) -> Record:
    return {
        **_of(pull_request.repository),
        "id": pull_request.node_id,
        "number": pull_request.number,
        "title": text(pull_request.title),
        "body": text(pull_request.body),
        "state": pull_request.state,
        "is_draft": pull_request.is_draft,
        "merged": pull_request.is_merged,
        "merged_at": moment(pull_request.merged_at),
        "created_at": moment(pull_request.created_at),
        "closed_at": moment(pull_request.closed_at),
        "additions": pull_request.additions,
        "deletions": pull_request.deletions,
        "changed_files": pull_request.changed_files,
        "base_ref": text(pull_request.base_ref),
        "head_ref": text(pull_request.head_ref),
        "merge_commit_oid": pull_request.merge_commit_oid,
        "url": pull_request.url,
    }


def review_entry(subscription: Subscription, review: Review) -> Staged | None:
    if review.submitted_at is None:
        return None
    record: Record = {
        **_of(review.repository),
        "id": review.node_id,
        "pull_request_id": review.pull_request_id,
        "pull_request_number": review.pull_request_number,
        "pull_request_title": text(review.pull_request_title),
        "state": review.state,
        "submitted_at": moment(review.submitted_at),
        "body": text(review.body),
        "url": review.url,
        "commit_oid": review.commit_oid,
        # In the order of `Kind.united`, so that reading a review again moves nothing.
        "comments": sorted(
            (review_comment(comment) for comment in review.comments),
            key=lambda part: (part["created_at"], part["id"]),
        ),
    }
    return _staged(subscription, "reviews", record)


def review_comment(comment: ReviewComment) -> Record:
    return {
        "id": comment.node_id,
        "created_at": moment(comment.created_at),
        "path": text(comment.path),
        "body": text(comment.body),
        "url": comment.url,
    }


def _comment(comment: Comment) -> Record:
    repository = comment.repository
    visibility = "public" if comment.is_public else SECRET
    return {
        "id": comment.node_id,
        "on": comment.on,
        "subject_id": comment.subject_id,
        "subject_number": comment.subject_number,
        "subject_title": text(comment.subject_title),
        "repository_id": repository.node_id if repository else None,
        "repository": repository.name if repository else None,
        "created_at": moment(comment.created_at),
        "body": text(comment.body),
        "url": comment.url,
        "visibility": repository.visibility if repository else visibility,
    }


def _gist(gist: Gist) -> Record:
    return {
        "id": gist.node_id,
        "name": gist.name,
        "description": text(gist.description),
        "is_fork": gist.is_fork,
        "files": [clean_text(name) for name in gist.files],
        "created_at": moment(gist.created_at),
        "url": gist.url,
        "visibility": "public" if gist.is_public else SECRET,
    }


def _discussion(discussion: Discussion) -> Record:
    return {
        **_of(discussion.repository),
        "id": discussion.node_id,
        "number": discussion.number,
        "title": text(discussion.title),
        "body": text(discussion.body),
        "created_at": moment(discussion.created_at),
        "url": discussion.url,
    }


def release_entry(subscription: Subscription, release: Release) -> Staged | None:
    record: Record = {
        **_of(release.repository),
        "id": release.node_id,
        "tag": text(release.tag),
        "name": text(release.name),
        "body": text(release.body),
        "published_at": moment(release.published_at),
        "is_prerelease": release.is_prerelease,
        "url": release.url,
    }
    return _staged(subscription, "releases", record)
