"""What is asked of reviews. GitHub has no list of a person's reviews: pull requests are searched by reviewer.

https://docs.github.com/search-github/searching-on-github/searching-issues-and-pull-requests
"""

from __future__ import annotations

from datetime import datetime

from github_client.activity import ReviewSizes
from github_client.queries.query import RATE, Query, checked_login, utc_text, with_fragments
from github_client.queries.repositories import REPOSITORY_REF

LONGEST_PAGE = 100
# Pending reviews are nobody's business yet; leaving them out here also leaves them out of the totals.
_SUBMITTED = "author: $login, states: [APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED]"

_REVIEW_COMMENT = """
fragment ReviewCommentItem on PullRequestReviewComment { id createdAt path body url }
"""
_REVIEW = """
fragment ReviewItem on PullRequestReview {
  id state submittedAt updatedAt body url
  commit { oid }
  comments(first: $comments) {
    totalCount
    pageInfo { hasNextPage endCursor }
    nodes { ...ReviewCommentItem }
  }
}
"""
_OWN_REVIEWS = f"""
fragment OwnReviews on PullRequest {{
  reviews(first: $reviews, {_SUBMITTED}) {{
    totalCount
    pageInfo {{ hasNextPage endCursor }}
    nodes {{ ...ReviewItem }}
  }}
}}
"""
# A fragment on PullRequest with the variables of `review_variables`, and what it is made of.
OWN_REVIEWS = (_OWN_REVIEWS, _REVIEW, _REVIEW_COMMENT)

_SEARCH = with_fragments(
    f"""
query Reviews(
  $text: String!, $size: Int!, $after: String, $login: String!, $reviews: Int!, $comments: Int!
) {{
  search(type: ISSUE, query: $text, first: $size, after: $after) {{
    issueCount
    pageInfo {{ hasNextPage endCursor }}
    nodes {{
      __typename
      ... on PullRequest {{ id number title updatedAt repository {{ ...RepositoryRef }} ...OwnReviews }}
    }}
  }}
  {RATE}
}}
""",
    [*OWN_REVIEWS, REPOSITORY_REF],
)

_MORE_REVIEWS = with_fragments(
    f"""
query MoreReviews($id: ID!, $reviews: Int!, $after: String, $login: String!, $comments: Int!) {{
  node(id: $id) {{
    __typename
    ... on PullRequest {{
      id number title
      repository {{ ...RepositoryRef }}
      reviews(first: $reviews, after: $after, {_SUBMITTED}) {{
        totalCount
        pageInfo {{ hasNextPage endCursor }}
        nodes {{ ...ReviewItem }}
      }}
    }}
  }}
  {RATE}
}}
""",
    [_REVIEW, _REVIEW_COMMENT, REPOSITORY_REF],
)

_MORE_COMMENTS = with_fragments(
    f"""
query MoreReviewComments($id: ID!, $size: Int!, $after: String) {{
  node(id: $id) {{
    __typename
    ... on PullRequestReview {{
      comments(first: $size, after: $after) {{
        totalCount
        pageInfo {{ hasNextPage endCursor }}
        nodes {{ ...ReviewCommentItem }}
      }}
    }}
  }}
  {RATE}
}}
""",
    [_REVIEW_COMMENT],
)


def reviewed_pull_requests(
    login: str,
    until: datetime | None,
    since: datetime | None,
    cursor: str | None,
    size: int,
    sizes: ReviewSizes,
) -> Query:
    variables = {"text": search_text(login, until, since), "size": size, "after": cursor}
    connections = 1 + size * (1 + sizes.reviews)
    return Query("Reviews", _SEARCH, variables | review_variables(login, sizes), connections)


def more_reviews(pull_request_id: str, login: str, cursor: str | None) -> Query:
    sizes = ReviewSizes(reviews=LONGEST_PAGE)
    variables = {"id": pull_request_id, "after": cursor} | review_variables(checked_login(login), sizes)
    return Query("MoreReviews", _MORE_REVIEWS, variables, connections=1 + sizes.reviews)


def more_review_comments(review_id: str, cursor: str | None) -> Query:
    variables = {"id": review_id, "size": LONGEST_PAGE, "after": cursor}
    return Query("MoreReviewComments", _MORE_COMMENTS, variables, connections=1)


def search_text(login: str, until: datetime | None, since: datetime | None) -> str:
    """Both ends are included. Reviews of one's own pull requests come with the list of these."""
    login = checked_login(login)
    words = ["type:pr", f"reviewed-by:{login}", f"-author:{login}", "sort:updated-desc"]
    if since and until:
        words.append(f"updated:{utc_text(since)}..{utc_text(until)}")
    elif since:
        words.append(f"updated:>={utc_text(since)}")
    elif until:
        words.append(f"updated:<={utc_text(until)}")
    return " ".join(words)


def review_variables(login: str, sizes: ReviewSizes) -> dict[str, object]:
    return {"login": login, "reviews": sizes.reviews, "comments": sizes.comments}
