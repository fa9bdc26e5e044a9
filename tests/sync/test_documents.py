import csv
import io
import json

import pytest

from sync.archive import ArchiveError
from sync.documents import (
    check_profile,
    current_documents,
    daily_document,
    is_published,
    profile_document,
)
from sync.models import RepositoryState, Subscription, YearFile

LEDGER = {
    "2026-W18": {
        "calendar": {"2026-04-27": 4, "2026-05-03": 1},
        "days": {"2026-04-27": {"commits": 2, "issues": 1}, "2026-05-04": {"commits": 1}},
    },
    "2026-W19": {"calendar": {"2026-05-04": 2}, "days": {"2026-05-04": {"commits": 1}}},
}


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_the_daily_table_has_a_line_for_each_day_with_something_on_it() -> None:
    table = rows(daily_document("daily", ["commits", "issues"], [LEDGER]).content)
    assert [(row["date"], row["contributions"], row["commits"], row["issues"]) for row in table] == [
        ("2026-04-27", "4", "2", "1"),
        ("2026-05-03", "1", "0", "0"),
        ("2026-05-04", "2", "2", "0"),
    ]


def test_equal_ledgers_give_equal_bytes() -> None:
    shuffled = dict(reversed(LEDGER.items()))
    first = daily_document("daily", ["commits"], [LEDGER])
    assert daily_document("daily", ["commits"], [shuffled]) == first


def test_a_member_without_activity_has_a_table_with_a_header_only() -> None:
    assert daily_document("daily", ["commits"], []).content == b"date,contributions,commits\n"


def test_the_profile_is_json_with_sorted_repositories() -> None:
    document = profile_document(
        "profile", 583231, {"login": "octocat"}, [{"repository_id": "R_2"}, {"repository_id": "R_1"}]
    )
    facts = json.loads(document.content)
    assert facts["format"] == "github-profile/1"
    assert facts["login"] == "octocat"
    assert [repository["repository_id"] for repository in facts["repositories"]] == ["R_1", "R_2"]


@pytest.fixture
def profiled(subscription: Subscription) -> Subscription:
    subscription.probe = {"profile": {"login": "octocat", "followers": 3}}
    subscription.agreement = {**subscription.agreement, "kinds": ["commits"]}
    subscription.save()
    for name, visibility in [("octocat/hello", "public"), ("octocat/secret", "private")]:
        RepositoryState.objects.create(
            subscription=subscription, node_id=name, name=name, visibility=visibility, details={"stars": 1}
        )
    return subscription


def test_nothing_private_stands_in_the_public_profile(profiled: Subscription) -> None:
    documents = {document.kind: document.content for document in current_documents(profiled)}
    assert b"octocat/hello" in documents["profile"]
    assert not any(b"secret" in content for content in documents.values())
    assert "private-profile" not in documents


def test_private_repositories_have_a_profile_of_their_own(profiled: Subscription) -> None:
    profiled.agreement["private"] = True
    documents = {document.kind: document.content for document in current_documents(profiled)}
    assert b"secret" not in documents["profile"]
    assert b"octocat/secret" in documents["private-profile"]
    assert b"octocat/hello" not in documents["private-profile"]


def test_a_profile_that_would_not_be_valid_is_not_written(profiled: Subscription) -> None:
    for document in current_documents(profiled):
        if document.kind == "profile":
            check_profile(document.content)
    profiled.probe = {"profile": {"login": "octocat", "email": "octocat@example.org"}}
    with pytest.raises(ArchiveError, match="profile would not be valid"):
        current_documents(profiled)


def test_a_document_is_published_when_its_bytes_are_or_when_the_member_removed_it(
    profiled: Subscription,
) -> None:
    document = current_documents(profiled)[0]
    assert not is_published(profiled, document)
    year_file = YearFile.objects.create(subscription=profiled, kind=document.kind, year=0, current_id=None)
    assert not is_published(profiled, document)
    year_file.removed_by_member_at = profiled.created_at
    year_file.save()
    assert is_published(profiled, document)
