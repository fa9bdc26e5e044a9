"""The engine from end to end: both stand-ins over HTTP, real Postgres and Valkey."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest
from django.db.models.signals import post_init
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Credential
from sync import planner, steps
from sync.archive import SCHEMA_FILE
from sync.consent import Choice
from sync.models import ProviderState, StagedBatch, Subscription, SyncRun, YearFile
from sync.operators import gauges
from sync.weeks import Week
from tests.repositories import Repository, days_ago
from tests.sync.world import World, forget_budget, living

pytestmark = pytest.mark.django_db(transaction=True)

FORMATS = {"public": "github-weeks/1", "profile": "github-profile/1", "daily": "github-daily/1"}
Live = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Sixty commits over a bit more than two years, in several offsets."""
    repository = Repository.create(tmp_path / "trails", f"{uuid4().hex[:12]}@example.org")
    offsets = ("+00:00", "+02:00", "-07:00", "+13:45")
    repository.add(days_ago(800 - 13 * n, offsets[n % 4]) for n in range(60))
    return repository


@pytest.fixture
def live(tmp_path: Path, settings: Settings) -> Live:
    def start(*repositories: Repository, **options: Any) -> AbstractContextManager[World]:
        return living(tmp_path, settings, {r.path.name: r for r in repositories}, **options)

    return start


@pytest.fixture
def world(live: Live, repository: Repository) -> Iterator[World]:
    with live(repository) as world:
        yield world


# --- The whole job ---


def test_everything_the_member_committed_arrives_in_the_week_it_was_written(world: World) -> None:
    run = world.sync()
    assert run.state == SyncRun.State.SUCCEEDED
    assert world.oids() == world.repository.oids()
    for content in world.years().values():
        for week, entry in content["weeks"].items():
            for commit in entry["commits"]:
                assert str(Week.of(datetime.fromisoformat(commit["authored_at"]))) == week


def test_every_file_is_valid_and_named_by_its_year(world: World) -> None:
    world.sync()
    schema = jsonschema_rs.validator_for(SCHEMA_FILE.read_text(encoding="utf-8"))
    for name, content in world.years().items():
        schema.validate(content)
        assert name == f"github-{content['year']}.json"
        assert content["github_id"] == world.subscription.github_id


def test_every_week_from_the_first_contribution_year_is_held(world: World) -> None:
    run = world.sync()
    weeks, now = world.weeks(), timezone.now()
    assert len(weeks) > 104
    for text, state in weeks.items():
        ended = Week.parse(text).ended_at
        expected = "open" if now < ended else "settling" if now < ended + timedelta(hours=48) else "complete"
        assert state == expected
    assert set(weeks) == set(run.weeks_fetched)


def test_the_calendar_equals_what_was_committed_each_day(world: World) -> None:
    world.sync()
    held: dict[str, int] = {}
    for year_file in world.subscription.year_files.all():
        for entry in year_file.weeks.values():
            held |= entry["calendar"]
    expected: dict[str, int] = {}
    for commit in world.commits():
        day = commit["authored_at"][:10]
        expected[day] = expected.get(day, 0) + 1
    # GitHub counts the making of a repository as a contribution of its own.
    expected[min(expected)] += 1
    assert held == expected


def test_nothing_stays_staged_and_nothing_superseded_stays_on_open_humans(world: World) -> None:
    world.sync()
    assert not StagedBatch.objects.exists()
    for year_file in YearFile.objects.exclude(current_id=None):
        assert year_file.superseded == []
        assert year_file.pending is None
        assert year_file.md5
        assert year_file.size == len(world.stored()[year_file.name])


def test_a_second_sync_costs_one_request_and_no_upload(world: World) -> None:
    """Promise 5: running again changes nothing."""
    world.sync()
    before, github, openhumans = world.checksums(), world.github.total, world.openhumans.total
    run = world.sync()
    assert run.state == SyncRun.State.SUCCEEDED
    assert (world.github.total - github, world.openhumans.total - openhumans) == (1, 0)
    assert (run.requests, run.uploads) == (1, 0)
    assert world.checksums() == before


def test_nothing_is_ever_written_to_github(world: World) -> None:
    """Promise 7: whatever the token could do."""
    world.sync()
    assert world.github.accounting()["writes"] == 0


def test_metadata_tells_what_the_file_is(world: World) -> None:
    world.sync()
    for file in world.state.files.of_member(str(world.member.open_humans_id)):
        metadata = file.metadata
        year_file = YearFile.objects.get(current_id=file.id)
        assert metadata["md5"] == year_file.md5
        assert metadata["github_id"] == world.subscription.github_id
        assert metadata["format"] == FORMATS[year_file.kind]
        assert metadata.get("year", 0) == year_file.year
        assert metadata["generation"] == year_file.generation
        assert "Github" not in metadata["tags"]


# --- Keeping up to date ---


def test_a_week_that_was_still_open_is_completed_by_what_came_later(world: World) -> None:
    world.repository.add([days_ago(0.02)])
    world.sync()
    before = world.checksums()
    world.repository.add([days_ago(0.01)])
    run = world.sync()
    assert world.oids() == world.repository.oids()
    after = {name: checksum for name, checksum in world.checksums().items() if name in world.years()}
    changed = [name for name, checksum in after.items() if before.get(name) != checksum]
    assert changed == [f"github-{Week.of(datetime.now(UTC)).year}.json"]
    assert run.requests == 2
    assert run.records_new == 1


def test_a_late_merge_of_old_commits_is_found(world: World) -> None:
    world.sync()
    world.repository.add([days_ago(300.5), days_ago(299.5)], branch="slow", onto="main~30")
    world.repository.merge("slow", days_ago(0.01))
    world.sync()
    assert world.oids() == world.repository.oids()


def test_a_moved_head_without_commits_of_the_member_changes_no_file(world: World) -> None:
    world.sync()
    before, uploads = world.checksums(), world.openhumans.total
    world.repository.add([days_ago(0.01)], email="somebody.else@example.org")
    run = world.sync()
    assert run.state == SyncRun.State.SUCCEEDED
    assert world.checksums() == before
    assert run.requests == 2
    assert world.openhumans.total == uploads


def test_a_force_push_takes_nothing_out_of_the_archive(world: World) -> None:
    """Promise 6: what GitHub forgets, the archive keeps."""
    world.sync()
    gone = world.repository.oids()
    world.repository.drop(3)
    world.repository.add([days_ago(1), days_ago(0.5)])
    world.sync()
    assert world.oids() == gone | world.repository.oids()


def test_commits_of_impossible_years_get_a_file_of_their_own_and_no_state(world: World) -> None:
    world.repository.add(["1999-12-31T23:00:00+00:00"], committed=days_ago(0.01))
    world.sync()
    assert world.oids() == world.repository.oids()
    week = world.years()["github-1999.json"]["weeks"]["1999-W52"]
    assert "state" not in week or world.subscription.ledger_starts_on.year <= 1999  # type: ignore[union-attr]


# --- Several repositories, visibility, what cannot be read ---


def test_repositories_are_read_together(live: Live, repository: Repository, tmp_path: Path) -> None:
    others = [Repository.create(tmp_path / f"other-{n}", repository.email) for n in range(13)]
    for n, other in enumerate(others):
        other.add(days_ago(400 - 7 * k - n) for k in range(25))
    with live(repository, *others) as world:
        run = world.sync()
        assert world.oids() == set().union(*(r.oids() for r in (repository, *others)))
        assert run.requests <= 1 + 2 + 1 + 6


def test_with_the_public_choice_nothing_private_is_noted_staged_or_written(
    live: Live, repository: Repository, tmp_path: Path
) -> None:
    """Promise 11: the choice counts, not what the token can read."""
    secret = Repository.create(tmp_path / "secret-plans", repository.email)
    secret.add([days_ago(40), days_ago(20)], message="top secret {n}")
    with live(repository, secret, private=("secret-plans",)) as world:
        world.connect(Choice.PRIVATE)  # the token can do more than was agreed to
        world.sync()
        assert world.oids() == repository.oids()
        assert not any(b"secret" in content for content in world.stored().values())
        assert not world.subscription.repositories.filter(name__contains="secret").exists()


def test_private_repositories_have_files_of_their_own(
    live: Live, repository: Repository, tmp_path: Path
) -> None:
    secret = Repository.create(tmp_path / "secret-plans", repository.email)
    secret.add([days_ago(40), days_ago(20)], message="top secret {n}")
    with live(repository, secret, private=("secret-plans",), choice=Choice.PRIVATE) as world:
        world.sync()
        private = {name for name in world.stored() if name.startswith("github-private-")}
        assert private
        for name, content in world.stored().items():
            assert (b"secret" in content) == (name in private)
        assert world.oids() == repository.oids() | secret.oids()


def test_an_empty_repository_and_one_without_commits_of_the_member_do_no_harm(
    live: Live, repository: Repository, tmp_path: Path
) -> None:
    empty = Repository.create(tmp_path / "empty", repository.email)
    foreign = Repository.create(tmp_path / "foreign", repository.email)
    foreign.add([days_ago(3)], email="somebody.else@example.org")
    with live(repository, empty, foreign) as world:
        assert world.sync().state == SyncRun.State.SUCCEEDED
        assert world.oids() == repository.oids()


def test_a_member_without_any_commit_is_up_to_date_at_once(live: Live, tmp_path: Path) -> None:
    quiet = Repository.create(tmp_path / "quiet", f"{uuid4().hex[:12]}@example.org")
    quiet.add([days_ago(3)], email="somebody.else@example.org")
    with live(quiet) as world:
        run = world.sync()
        assert run.state == SyncRun.State.SUCCEEDED
        assert world.commits() == []
        assert set(world.weeks().values()) <= {"complete", "settling", "open"}


@pytest.mark.parametrize("after", [3, 4, 5])
@pytest.mark.parametrize("fault", ["gone_repository", "forbidden_repository"])
def test_a_repository_that_cannot_be_read_is_noted_and_the_rest_goes_on(
    live: Live, repository: Repository, tmp_path: Path, fault: str, after: int
) -> None:
    """From its beginning or in its middle; and it is read whole once it can be."""
    other = Repository.create(tmp_path / "vanishing", repository.email)
    other.add(days_ago(400 - n) for n in range(250))
    with live(repository, other) as world:
        world.github.fault(**{fault: {"value": ["vanishing"], "after": after}})
        run = world.sync()
        assert run.state == SyncRun.State.SUCCEEDED
        assert world.oids() >= repository.oids()
        unreadable = world.subscription.repositories.exclude(not_readable="")
        assert [state.name.rpartition("/")[2] for state in unreadable] == ["vanishing"]
        world.github.fault(**{fault: False})
        assert world.sync().state == SyncRun.State.SUCCEEDED
        assert world.oids() == repository.oids() | other.oids()


# --- Limits ---


def test_the_limit_publishes_what_is_whole_and_repeats_no_page(live: Live, tmp_path: Path) -> None:
    """Ten weeks of more than 100 commits; GitHub refuses right after the page that passes the fifth."""
    busy = Repository.create(tmp_path / "busy", f"{uuid4().hex[:12]}@example.org")
    newest = Week.of(datetime.now(UTC) - timedelta(days=14))
    mondays = [newest.starts_at - timedelta(weeks=n) for n in range(10)]
    for monday in reversed(mondays):
        busy.add((monday + timedelta(minutes=80 * n)).isoformat() for n in range(120))
    fifth = mondays[4]
    with live(busy) as world:
        passed = (fifth - timedelta(days=7)).isoformat()
        world.github.fault(
            refuse_after_page={"repository": "busy", "older_than": passed, "for_seconds": 3600}
        )
        run = world.start()
        waits = None
        while waits is None and run.is_active:
            waits = world.step(run)
        assert run.state == SyncRun.State.WAITING
        assert run.wait_reason == SyncRun.WaitReason.GITHUB_LIMIT
        assert run.resume_at is not None
        assert run.resume_at > timezone.now()
        assert waits is not None
        assert waits.delay is not None
        assert waits.delay > 0
        held = {str(Week.of(monday)) for monday in mondays[:5]}
        published = {
            week for content in world.years().values() for week, e in content["weeks"].items() if e["commits"]
        }
        assert published == held
        assert held <= set(run.weeks_fetched)

        world.github.fault(refuse_after_page=False)
        world.pass_wait(run)
        world.finish(run)
        assert run.state == SyncRun.State.SUCCEEDED
        assert world.oids() == busy.oids()
        pages = [tuple(sorted(entry["variables"].items(), key=str)) for entry in world.asked("CommitPages")]
        answered = [
            page
            for page, entry in zip(map(str, pages), world.asked("CommitPages"), strict=True)
            if entry["status"] == 200
        ]
        assert len(answered) == len(set(answered))
        assert world.github.accounting()["refused_while_blocked"] == 0


def busy_years(tmp_path: Path) -> Repository:
    """Four hundred commits over five years."""
    busy = Repository.create(tmp_path / "busy", f"{uuid4().hex[:12]}@example.org")
    busy.add(days_ago(1500 - 1500 * n / 400) for n in range(400))
    return busy


def until_it_waits(world: World, run: SyncRun) -> None:
    for _ in range(20):
        if world.step(run) is not None:
            return
    raise AssertionError(f"The run is still {run.state}.")


def refuse_late(world: World) -> None:
    """The limit, when three years of five have been read back."""
    passed = (datetime.now(UTC) - timedelta(days=1100)).isoformat()
    world.github.fault(refuse_after_page={"repository": "busy", "older_than": passed, "for_seconds": 3600})


def test_what_is_whole_is_published_before_the_wait_though_the_steps_time_is_over(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each further step publishes one file, and asks GitHub for nothing."""
    with live(busy_years(tmp_path)) as world:
        refuse_late(world)
        monkeypatch.setattr(steps.Allowance, "has_time", lambda _: False)
        monkeypatch.setattr(steps.Allowance, "goes_on", lambda _, collector: collector.requests < 20)
        run = world.start()
        assert world.step(run) is None
        assert gauges.queue_age(timezone.now() + timedelta(hours=1)) == pytest.approx(3600, abs=30)
        assert world.subscription.blocked_until is not None
        asked = world.github.total
        until_it_waits(world, run)
        assert run.wait_reason == SyncRun.WaitReason.GITHUB_LIMIT
        assert run.waits == 1
        assert run.resume_at is not None
        assert run.resume_at >= world.subscription.blocked_until
        assert world.github.total == asked
        assert world.github.accounting()["refused_while_blocked"] == 0
        assert len(world.years()) >= 3
        published = {week for content in world.years().values() for week in content["weeks"]}
        assert min(published) <= str(Week.of(datetime.now(UTC) - timedelta(days=1050)))

        # Nothing new is whole: the next wait costs no request to Open Humans.
        before = world.openhumans.total
        SyncRun.objects.filter(pk=run.pk).update(resume_at=timezone.now())
        assert world.step(run) is not None
        assert world.openhumans.total == before


def test_a_limit_is_remembered_though_nothing_can_be_published(live: Live, tmp_path: Path) -> None:
    """Promise 7: by Postgres, whatever becomes of Redis; and what was whole follows when it can."""
    with live(busy_years(tmp_path)) as world:
        refuse_late(world)
        world.openhumans.fault(fail_start=True)
        run = world.start()
        assert world.step(run) is not None
        assert run.wait_reason == SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE
        assert world.subscription.blocked_until is not None
        assert world.subscription.blocked_until > timezone.now() + timedelta(minutes=50)
        asked = world.github.total
        world.openhumans.fault(fail_start=False)
        forget_budget(world.subscription)
        SyncRun.objects.filter(pk=run.pk).update(resume_at=timezone.now())
        assert world.step(run) is not None
        assert run.wait_reason == SyncRun.WaitReason.GITHUB_LIMIT
        assert world.github.total == asked
        assert len(world.years()) >= 3


def test_nothing_is_sent_while_the_member_is_blocked(world: World) -> None:
    """Promise 7: what Postgres knows of a limit holds for every process."""
    Subscription.objects.filter(pk=world.subscription.pk).update(
        blocked_until=timezone.now() + timedelta(minutes=5)
    )
    run = world.start()
    wait = world.step(run)
    assert wait is not None
    assert run.state == SyncRun.State.WAITING
    assert world.github.total == 0


FORMS = [
    "graphql_rate_limited",
    "graphql_rate_limit",
    "graphql_rate_limited_remaining_4",
    "secondary_retry_after",
    "secondary_without_retry_after",
    "secondary_200",
    "primary_403",
    "primary_429",
]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_limit_is_waited_for_and_changes_nothing_in_the_end(world: World, form: str) -> None:
    world.github.fault(refuse_after_requests={"after": 2, "for_seconds": 60, "form": form, "times": 1})
    run = world.start()
    wait = world.step(run)
    assert wait is not None
    assert wait.delay is not None
    assert run.state == SyncRun.State.WAITING
    assert run.waits == 1
    world.pass_wait(run)
    world.github.fault(refuse_after_requests=False)
    world.finish(run)
    assert run.state == SyncRun.State.SUCCEEDED
    assert world.oids() == world.repository.oids()


def test_a_fifth_of_the_hour_is_left_to_the_members_own_tools(world: World, settings: Settings) -> None:
    """Promise 7: the limit that GitHub names is not used up."""
    settings.GITHUB_HOURLY_LIMIT = 5
    world.github.fault(graphql_limit=5)
    world.repository.add(days_ago(30 - n / 20) for n in range(500))
    run = world.start()
    assert world.step(run) is not None
    assert world.github.accounting()["points"] <= 4
    assert run.wait_reason == SyncRun.WaitReason.GITHUB_LIMIT


# --- Faults of GitHub ---


@pytest.mark.parametrize(
    "fault",
    [
        {"status_502": {"times": 2, "after": 1}},
        {"status_504": {"times": 1, "after": 2}},
        {"status_502": {"times": 1, "after": 2, "html": True}},
        {"truncate_body": {"times": 1, "after": 1}},
        {"resource_limits_exceeded": {"page_size": 30}},
        {"heavy_page_size": 15},
    ],
    ids=str,
)
def test_answers_that_github_could_not_give_are_asked_for_in_smaller_pieces(
    world: World, fault: dict[str, Any]
) -> None:
    world.github.fault(**fault)
    run = world.sync()
    assert run.state == SyncRun.State.SUCCEEDED
    assert world.oids() == world.repository.oids()


def test_an_outage_that_looks_like_heavy_requests_costs_no_statistics(world: World) -> None:
    """Histories are read by REST, without statistics, only where GraphQL answers something else."""
    world.github.fault(status_502={"after": 4})
    run = world.start()
    assert world.step(run) is not None
    assert run.wait_reason == SyncRun.WaitReason.GITHUB_UNAVAILABLE
    assert not any("commits" in endpoint for endpoint in world.github.accounting()["by_endpoint"])
    assert ProviderState.objects.get(service="github").outages == 1
    world.github.fault(status_502=False)
    world.pass_wait(run)
    world.finish(run)
    assert run.state == SyncRun.State.SUCCEEDED
    assert {commit["oid"] for commit in world.commits()} == world.repository.oids()
    assert all(commit["additions"] is not None for commit in world.commits())


def test_a_history_that_graphql_cannot_page_at_all_is_read_without_statistics(world: World) -> None:
    world.github.fault(field_error={"field": "history", "type": "RESOURCE_LIMITS_EXCEEDED"})
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert {commit["oid"] for commit in world.commits()} == world.repository.oids()
    assert all(commit["additions"] is None for commit in world.commits())


def test_what_is_whole_is_published_before_an_outage_is_waited_out(live: Live, tmp_path: Path) -> None:
    with live(busy_years(tmp_path)) as world:
        world.github.fault(status_503={"after": 7})
        run = world.start()
        assert world.step(run) is not None
        assert run.wait_reason == SyncRun.WaitReason.GITHUB_UNAVAILABLE
        assert world.years()
        assert ProviderState.objects.get(service="github").outages == 1
        # It goes on, and nothing new is whole: Open Humans is not asked again.
        before = world.openhumans.total
        world.pass_wait(run)
        assert world.step(run) is not None
        assert run.wait_reason == SyncRun.WaitReason.GITHUB_UNAVAILABLE
        assert world.openhumans.total == before


def test_an_outage_of_both_is_known_of_both(live: Live, tmp_path: Path) -> None:
    with live(busy_years(tmp_path)) as world:
        world.github.fault(status_503={"after": 7})
        world.openhumans.fault(fail_start=True)
        run = world.start()
        assert world.step(run) is not None
        known = ProviderState.objects.filter(outages=1).values_list("service", flat=True)
        assert set(known) == {"github", "openhumans"}
        world.openhumans.fault(fail_start=False)
        world.pass_wait(run)
        assert world.step(run) is not None
        assert run.wait_reason == SyncRun.WaitReason.GITHUB_UNAVAILABLE
        assert world.years()


# --- What is too heavy even alone ---

HEAVY = "RESOURCE_LIMITS_EXCEEDED"


def test_a_history_that_cannot_be_paged_in_any_way_is_noted_and_the_rest_goes_on(
    live: Live, repository: Repository
) -> None:
    """And it is read whole once it can be."""
    with live(repository) as world:
        world.github.fault(field_error={"field": "history", "type": HEAVY}, rest_status=502)
        run = world.sync()
        assert run.state == SyncRun.State.SUCCEEDED
        assert run.waits == planner.MOST_TRIES - 1
        assert world.subscription.repositories.get().not_readable
        assert world.years()
        world.github.fault(field_error=False, rest_status=False)
        assert world.sync().state == SyncRun.State.SUCCEEDED
        assert world.oids() == repository.oids()
        assert not world.subscription.repositories.get().not_readable


def test_histories_that_cannot_be_counted_are_paged(
    live: Live, repository: Repository, tmp_path: Path
) -> None:
    others = [Repository.create(tmp_path / f"other-{n}", repository.email) for n in range(10)]
    for n, other in enumerate(others):
        other.add([days_ago(30 + n)])
    with live(repository, *others) as world:
        world.github.fault(field_error={"field": "history", "type": HEAVY})
        run = world.sync()
        assert run.state == SyncRun.State.SUCCEEDED
        assert run.waits == 0
        assert world.oids() == repository.oids().union(*(other.oids() for other in others))


def test_releases_that_cannot_be_read_hold_nothing_up(world: World) -> None:
    world.github.fault(field_error={"field": "releases", "type": HEAVY})
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert world.oids() == world.repository.oids()
    assert len(world.subscription.lists["releases"]["withheld"]) == 1


@pytest.mark.parametrize("field", ["search", "starredRepositories"])
def test_a_list_that_cannot_be_read_at_all_is_a_failure_after_some_tries(world: World, field: str) -> None:
    """Of a list as a whole no part can be left out: the run says so, and what was collected is kept."""
    world.github.fault(field_error={"field": field, "type": HEAVY})
    run = world.sync()
    assert (run.state, run.error_code) == (SyncRun.State.FAILED, "github_too_heavy")
    assert run.waits == planner.MOST_TRIES - 1
    assert world.subscription.failures == 1
    assert not ProviderState.objects.filter(service="github", outages__gt=0).exists()
    world.github.fault(field_error=False)
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert world.oids() == world.repository.oids()


def test_a_commit_whose_statistics_are_unavailable_is_kept_without_them(world: World) -> None:
    oid = sorted(world.repository.oids())[7]
    world.github.fault(statistics_unavailable=[oid])
    world.sync()
    commits = {commit["oid"]: commit for commit in world.commits()}
    assert set(commits) == world.repository.oids()
    assert commits[oid]["additions"] is None
    assert all(commit["additions"] is not None for o, commit in commits.items() if o != oid)


def test_a_revoked_token_stops_the_run_and_asks_the_member_to_connect_again(world: World) -> None:
    world.github.fault(revoke_tokens=True)
    run = world.sync()
    assert run.state == SyncRun.State.FAILED
    assert run.error_code == "github_access_lost"
    assert world.subscription.status == Subscription.Status.RECONNECT_GITHUB
    assert Credential.objects.get(identity__provider="github").state == Credential.State.REFUSED
    assert not Subscription.objects.due(timezone.now() + timedelta(days=30)).exists()


def test_an_expired_github_token_is_refreshed_in_the_middle(live: Live, repository: Repository) -> None:
    with live(repository, token_lifetime=28_800) as world:
        world.github.fault(expire_tokens={"value": True, "after": 1})
        before = Credential.objects.get(identity__provider="github").access_token
        assert world.sync().state == SyncRun.State.SUCCEEDED
        assert Credential.objects.get(identity__provider="github").access_token != before
        assert world.oids() == repository.oids()


# --- Open Humans ---


def test_an_expired_open_humans_token_is_refreshed(world: World) -> None:
    world.state.grants.expire_access_tokens()
    before = Credential.objects.get(identity__provider="openhumans").refresh_token
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert Credential.objects.get(identity__provider="openhumans").refresh_token != before
    assert world.oids() == world.repository.oids()


def test_a_member_who_left_open_humans_is_asked_to_sign_in_again(world: World) -> None:
    world.state.grants.leave(str(world.member.open_humans_id), is_erasure_requested=False)
    run = world.sync()
    assert run.error_code == "openhumans_access_lost"
    assert world.subscription.status == Subscription.Status.RECONNECT_OPENHUMANS


@pytest.mark.parametrize(
    "fault",
    [
        "fail_list",
        "fail_start",
        "fail_put",
        "fail_complete",
        "lose_complete_answer",
        "fail_delete",
        "html_500",
    ],
)
def test_a_failing_open_humans_is_waited_for_and_nothing_is_lost_or_doubled(world: World, fault: str) -> None:
    world.repository.add([days_ago(0.02)])
    world.openhumans.fault(**{fault: {"times": 1}})
    run = world.sync()
    assert run.state == SyncRun.State.SUCCEEDED
    assert world.oids() == world.repository.oids()
    world.repository.add([days_ago(0.01)])
    world.openhumans.fault(**{fault: {"times": 1}})
    world.sync()
    assert world.oids() == world.repository.oids()
    assert not YearFile.objects.exclude(pending=None, superseded=[]).exists()


def test_a_download_that_fails_leaves_the_old_file_in_place(world: World) -> None:
    world.sync()
    before = world.checksums()
    world.repository.add([days_ago(0.01)])
    world.openhumans.fault(fail_download={"times": 1})
    run = world.start()
    assert world.step(run) is not None
    assert run.wait_reason == SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE
    assert world.checksums() == before
    world.finish(run)
    assert world.oids() == world.repository.oids()


def test_a_file_the_member_removed_is_not_brought_back(world: World) -> None:
    """Promise 6: only the member deletes."""
    world.sync()
    file = world.state.files.of_member(str(world.member.open_humans_id))[0]
    world.state.files.delete(file)
    year = int(file.basename[-9:-5])
    world.repository.add([f"{year}-06-15T12:00:00+00:00"], committed=days_ago(0.01))
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert file.basename not in world.stored()
    assert YearFile.objects.get(year=year).removed_by_member_at is not None


def test_two_files_of_one_year_become_one(world: World) -> None:
    """As after a lost database: the files are there, the ledger is not."""
    world.sync()
    YearFile.objects.all().delete()
    world.subscription.repositories.all().delete()
    Subscription.objects.filter(pk=world.subscription.pk).update(lists={}, probe={}, ledger_starts_on=None)
    before = world.checksums()
    world.sync()
    assert world.checksums() == before
    assert set(world.weeks().values()) <= {"complete", "settling", "open"}


# --- One more day ---


@pytest.fixture
def ledgers_read() -> Iterator[set[int]]:
    """Of which years a file was read with its whole ledger; 0 are documents."""
    years: set[int] = set()

    def note(instance: YearFile, **_: Any) -> None:
        if instance.pk and "weeks" not in instance.get_deferred_fields():
            years.add(instance.year)

    post_init.connect(note, sender=YearFile)
    yield years
    post_init.disconnect(note, sender=YearFile)


def test_one_more_day_reads_the_ledger_of_no_other_year(world: World, ledgers_read: set[int]) -> None:
    """So that it costs the same after fifteen years as after one."""
    world.sync()
    moment = days_ago(0.01)
    world.repository.add([moment])
    ledgers_read.clear()
    run = world.sync()
    assert (run.state, run.records_new) == (SyncRun.State.SUCCEEDED, 1)
    assert ledgers_read == {0, Week.of(datetime.fromisoformat(moment)).year}


# --- Time alone ---


def test_a_ledger_is_settled_again_only_when_time_can_have_changed_it(
    world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.sync()
    settled: list[datetime] = []
    settle = steps.settle_ledger

    def settle_and_tell(subscription: Subscription, now: datetime) -> list[str]:
        settled.append(now)
        return settle(subscription, now)

    monkeypatch.setattr(steps, "settle_ledger", settle_and_tell)
    world.sync()
    world.sync()
    assert settled == []
    # As if the week before this one were to settle in a minute, whatever day of the week it is.
    since_it_ended = timezone.now() - Week.of(timezone.now()).previous().ended_at
    settings.SYNC_SETTLING_HOURS = (since_it_ended + timedelta(minutes=1)) / timedelta(hours=1)
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert len(settled) == 1
