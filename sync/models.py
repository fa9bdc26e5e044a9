"""What Postgres remembers of every member: the truth. Messages in Redis only nudge."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import F, Q
from django.utils import timezone

from accounts.encryption import decrypt, encrypt
from accounts.models import User
from accounts.rows import columns, taken
from sync.errors import LeaseLost
from sync.omissions import Omissions
from sync.operators.counters import count
from sync.records import CALENDAR

# Of `Subscription.lists` and `probe`: what was made of the files of the app before this one, and for whom.
OLD_FILES = "legacy"
# How the reason of a pause begins that the member wished for.
PAUSED_BY_MEMBER = "Paused by you"
# And of one by the people who run this site; their reason follows.
PAUSED_BY_OPERATOR = "The people who run this site have paused your updates:"


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def due(self, now: datetime) -> "SubscriptionQuerySet":
        """Active ones whose time has come and that have no run under way."""
        active = SyncRun.objects.active().filter(subscription=models.OuterRef("pk"))
        return self.filter(status=Subscription.Status.ACTIVE, next_due_at__lte=now).exclude(
            models.Exists(active)
        )


class Subscription(models.Model):
    """One member's wish to have one GitHub account collected, and where that stands."""

    class Status(models.TextChoices):
        ACTIVE = "active", "active"
        PAUSED = "paused", "paused"
        RECONNECT_GITHUB = "reconnect_github", "connect GitHub again"
        RECONNECT_OPENHUMANS = "reconnect_openhumans", "sign in with Open Humans again"
        DISCONNECTED = "disconnected", "disconnected"

    # Of `lists`: what was done once and for all, rather than how far a list has been read.
    LASTING_LISTS = ("calendar", OLD_FILES, "organizations")

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="subscription")
    # GitHub's numeric id: logins change and are recycled.
    github_id = models.BigIntegerField(unique=True)
    github_node_id = models.CharField(max_length=100, blank=True)
    github_login = models.CharField(max_length=100)
    status = models.CharField(max_length=24, choices=Status.choices, default=Status.ACTIVE)
    # A sentence for the member when the status needs one.
    reason = models.TextField(blank=True)
    # What the member agreed to: {"text": version, "kinds": [...], "private": bool, "agreed_at": ISO moment}.
    agreement = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    next_due_at = models.DateTimeField(default=timezone.now)
    synced_at = models.DateTimeField(null=True, blank=True)
    blocked_until = models.DateTimeField(null=True, blank=True)
    # Secondary limits without a time double the wait; a good answer sets this back.
    secondary_limits = models.PositiveSmallIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    # What the last probe saw, see planner.ProbeState.
    probe = models.JSONField(default=dict)
    # {list name: {"cursor", "frontier", "is_done", ...}}, see planner.
    lists = models.JSONField(default=dict)
    # {query kind: how many items one request may ask for}, learnt from GitHub's time-outs.
    batch_sizes = models.JSONField(default=dict)
    # First day of the ledger; null until GitHub said in which years there were contributions.
    ledger_starts_on = models.DateField(null=True, blank=True)
    # Rises with each claim; a worker that finds another number here has lost its place.
    fence = models.BigIntegerField(default=0)
    # Of messages through Open Humans: {"causes": told already, "sent_at": ISO moment of the last one,
    # "owed": {"cause", "since"} of one that could not be sent yet}, see messages.
    told = models.JSONField(default=dict, blank=True)
    # When the ledger was last compared with what Open Humans lists, and what differed, see reconciling.
    reconciled_at = models.DateTimeField(null=True, blank=True)
    reconciliation = models.JSONField(default=dict, blank=True)
    # Of the marks of what the member took out, see left_out. Null until there is one.
    encrypted_left_out_key = models.BinaryField(null=True)

    objects: ClassVar[SubscriptionQuerySet] = SubscriptionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes: ClassVar = [
            # The scan: what is due, oldest first.
            models.Index(fields=["next_due_at"], condition=Q(status="active"), name="subscription_due"),
        ]

    def __str__(self) -> str:
        return f"{self.github_login} ({self.github_id})"

    @property
    def left_out_place(self) -> str:
        return f"subscription.left_out_key:{self.pk}"

    @property
    def encrypted_places(self) -> dict[str, str]:
        """{column: the place its value is bound to}, for whoever encrypts them anew."""
        return {"encrypted_left_out_key": self.left_out_place}

    @property
    def left_out_key(self) -> bytes:
        return decrypt(self.encrypted_left_out_key or b"", self.left_out_place)

    @property
    def includes_private(self) -> bool:
        return bool(self.agreement.get("private"))

    @property
    def has_track_settings(self) -> bool:
        """Whether the member ever decided about tracks, by what was known when the run was claimed."""
        return hasattr(self, "track_settings")

    def read_lists_again(self) -> None:
        """From their top, because what a choice left out was never noted. The caller saves."""
        self.lists = {name: state for name, state in self.lists.items() if name in self.LASTING_LISTS}

    def look_at_old_files_again(self) -> None:
        """At what the app before this one has left, as if that had never been looked at. The caller saves."""
        self.lists = {name: state for name, state in self.lists.items() if name != OLD_FILES}
        self.probe = {name: seen for name, seen in self.probe.items() if name != OLD_FILES}

    @property
    def omissions(self) -> Omissions:
        return Omissions.of(self.agreement)

    @property
    def awaits_another_account(self) -> bool:
        """Nothing of `github_id` is kept any more; the account that connects next takes its place."""
        return bool(self.agreement.get("another_account"))

    @property
    def keeps_calendar(self) -> bool:
        return CALENDAR in self.kinds and not self.omissions.private_counts

    @property
    def is_paused_by_member(self) -> bool:
        """Then only the member resumes, never an operator."""
        return self.status == self.Status.PAUSED and self.reason.startswith(PAUSED_BY_MEMBER)

    @property
    def is_paused_by_operator(self) -> bool:
        """Then only an operator resumes."""
        return self.status == self.Status.PAUSED and self.reason.startswith(PAUSED_BY_OPERATOR)

    @property
    def is_paused_on_purpose(self) -> bool:
        """By somebody who has to end it themselves: no new access does."""
        return self.is_paused_by_member or self.is_paused_by_operator

    @property
    def kinds(self) -> list[str]:
        return list(self.agreement.get("kinds", []))

    @property
    def github_identity(self) -> SocialAccount | None:
        return SocialAccount.objects.filter(user=self.user, provider="github").first()

    @property
    def active_run(self) -> "SyncRun | None":
        return self.runs.active().first()


class RepositoryState(models.Model):
    """How far one repository's history has been read for one member."""

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="repositories")
    node_id = models.CharField(max_length=100)
    database_id = models.BigIntegerField(null=True)
    name = models.CharField(max_length=250)
    visibility = models.CharField(max_length=10)
    is_fork = models.BooleanField(default=False)
    # The newest head GitHub told us of, and when that commit was committed.
    head_oid = models.CharField(max_length=64, blank=True)
    head_committed_at = models.DateTimeField(null=True)
    # The head whose history is being read, or was read to its end.
    pinned_oid = models.CharField(max_length=64, blank=True)
    cursor = models.CharField(max_length=250, blank=True)
    is_read = models.BooleanField(default=False)
    # The oldest moment (committer date) the current reading has come to.
    frontier = models.DateTimeField(null=True)
    # GitHub's count of the member's commits, and the head it was given for.
    said = models.PositiveIntegerField(null=True)
    said_for_oid = models.CharField(max_length=64, blank=True)
    held = models.PositiveIntegerField(default=0)
    # The member's newest commit when the last reading was finished.
    newest_oid = models.CharField(max_length=64, blank=True)
    # Tallies of commits, see collect/agreement: held from finished readings, and seen in this one.
    held_by_week = models.JSONField(default=dict)
    seen_by_week = models.JSONField(default=dict)
    # Of this reading: {"newest": its first commit, "is_joined": whether it met `newest_oid`,
    # "met": {week of the author date: [short keys]} where commits are held already,
    # "withheld": how many of those GitHub counts the last whole reading did not find; this stays,
    # "again": how a page that could not be taken is asked for once more}.
    reading = models.JSONField(default=dict)
    # The newest tree GitHub told us of, and the one whose files we know; see tracking/finding.py.
    tree_oid = models.CharField(max_length=64, blank=True)
    listed_tree_oid = models.CharField(max_length=64, blank=True)
    # Of a tree too large to be listed at once: {"root", "parts": [[folder, oid, is_recursive]], "folders":
    # {folder: oid}}, parts still to be listed and folders that were.
    tree_walk = models.JSONField(default=dict, blank=True)
    # {folder: how many track files are beyond the cap}, by the part of the tree that they lie in.
    tracks_left_out = models.JSONField(default=dict, blank=True)
    # For github-profile.json: owner, permission, language, stars, ...
    details = models.JSONField(default=dict)
    not_readable = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subscription", "node_id"], name="repository_once_per_member")
        ]

    def __str__(self) -> str:
        return self.name


class LeftOut(models.Model):
    """Something that a member took out of their archive: nobody can tell from it what that was."""

    class What(models.TextChoices):
        RECORD = "record", "a record"
        REPOSITORY = "repository", "a repository"
        # Another id or name of a repository that has a row of its own.
        ALIAS = "alias", "another name of it"

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="left_out")
    mark = models.CharField(max_length=64)
    what = models.CharField(max_length=10, choices=What.choices)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subscription", "mark"], name="left_out_once_per_member")
        ]

    def __str__(self) -> str:
        return f"{self.what} left out"


class CountOfTallies(models.Func):
    """How many commits tallies hold, see collect/agreement; they are long, and need not leave Postgres."""

    template = "(select coalesce(sum((value ->> 0)::int), 0) from jsonb_each(%(expressions)s))"
    output_field = models.BigIntegerField()


class OfEachWeek(models.Func):
    """{week: one fact of it} of a file's ledger, without the weeks that lack it.

    The rest of the ledger, which is long, need not leave Postgres.
    """

    template = (
        "(select coalesce(jsonb_object_agg(key, value -> '%(fact)s'), '{}') from jsonb_each(%(expressions)s)"
        " where value -> '%(fact)s' <> 'null')"
    )

    def __init__(self, fact: str) -> None:
        super().__init__("weeks", fact=fact, output_field=models.JSONField())


class YearFileQuerySet(models.QuerySet["YearFile"]):
    def hold_activity(self) -> bool:
        """Whether anything that the member did is in a file on Open Humans."""
        current = self.exclude(kind__in=YearFile.DOCUMENTS).exclude(current_id=None)
        return any(file.tells_of_activity for file in current.iterator())


class YearFile(models.Model):
    """One file on Open Humans that holds one ISO year, and the ledger of its weeks."""

    class Kind(models.TextChoices):
        PUBLIC = "public", "public"
        PRIVATE = "private", "private"
        PROFILE = "profile", "profile"
        PRIVATE_PROFILE = "private-profile", "private profile"
        DAILY = "daily", "daily"
        TRACKS = "tracks", "tracks"
        PRIVATE_TRACKS = "private-tracks", "private tracks"

    # What goes when private repositories are left out again.
    PRIVATE_KINDS = (Kind.PRIVATE, Kind.PRIVATE_PROFILE, Kind.PRIVATE_TRACKS)
    # GPS tracks; all other kinds of one year hold records.
    TRACK_KINDS = (Kind.TRACKS, Kind.PRIVATE_TRACKS)
    # The kinds that are not of one year, with the name of their file; their year is 0.
    DOCUMENTS: ClassVar[dict[str, str]] = {
        Kind.PROFILE: "github-profile.json",
        Kind.PRIVATE_PROFILE: "github-private-profile.json",
        Kind.DAILY: "github-daily.csv",
    }

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="year_files")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    year = models.PositiveSmallIntegerField()
    current_id = models.BigIntegerField(null=True, blank=True)
    size = models.BigIntegerField(default=0)
    md5 = models.CharField(max_length=32, blank=True)
    generation = models.BigIntegerField(default=0)
    # An upload under way: what becomes true once it is confirmed, see publish.confirm().
    pending = models.JSONField(null=True, blank=True)
    # Files on Open Humans that the current one replaced and that are still to be deleted.
    superseded = ArrayField(models.BigIntegerField(), default=list, blank=True)
    # The ledger: {"2026-W18": {"state", "counts": {kind: n}, "days": {date: {kind: n}}, "calendar",
    # "fetched_at"}}.
    weeks = models.JSONField(default=dict)
    private_contributions = models.PositiveIntegerField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    removed_by_member_at = models.DateTimeField(null=True, blank=True)
    # Of a tracks file: which state of the member's privacy zones it was written with.
    zones_version = models.PositiveIntegerField(default=0)
    # How often something was taken out of it since it was last looked through for that: 0 when it is clean.
    to_clean = models.PositiveIntegerField(default=0)

    objects: ClassVar[YearFileQuerySet] = YearFileQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subscription", "kind", "year"], name="one_file_per_kind_and_year"
            )
        ]
        ordering = ("-year", "kind")

    def __str__(self) -> str:
        return self.name

    @property
    def is_document(self) -> bool:
        return self.kind in self.DOCUMENTS

    @property
    def name(self) -> str:
        if self.kind in self.DOCUMENTS:
            return self.DOCUMENTS[self.kind]
        infix = "" if self.kind == self.Kind.PUBLIC else f"{self.kind}-"
        ending = "geojson" if self.holds_tracks else "json"
        return f"github-{infix}{self.year}.{ending}"

    @property
    def holds_tracks(self) -> bool:
        return self.kind in self.TRACK_KINDS

    @property
    def tells_of_activity(self) -> bool:
        """Profile, daily table and a year of empty weeks are written for everybody, and tell of none."""
        numbers = (entry.get(name, {}) for entry in self.weeks.values() for name in ("counts", CALENDAR))
        return bool(self.private_contributions) or any(any(number.values()) for number in numbers)


class TrackSettings(models.Model):
    """What a member decided about GPS tracks. No row: they never looked at the page."""

    subscription = models.OneToOneField(
        Subscription, on_delete=models.CASCADE, primary_key=True, related_name="track_settings"
    )
    # Nothing is read before this: the answer to which folders, and to the offer of zones.
    answered_at = models.DateTimeField(null=True, blank=True)
    # zones.pack() of the member's privacy zones, encrypted.
    encrypted_zones = models.BinaryField(null=True)
    # Rises with each change of the zones; and the one that all files are confirmed to follow.
    zones_version = models.PositiveIntegerField(default=0)
    confirmed_version = models.PositiveIntegerField(default=0)
    confirmed_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"track settings of {self.subscription_id}"

    @staticmethod
    def place(subscription_id: int) -> str:
        return f"tracksettings.zones:{subscription_id}"

    @property
    def encrypted_places(self) -> dict[str, str]:
        return {"encrypted_zones": self.place(self.subscription_id)}


class TrackFolder(models.Model):
    """The member's answer for one folder of a repository, and for those below it that come later."""

    repository = models.ForeignKey(RepositoryState, on_delete=models.CASCADE, related_name="track_folders")
    path = models.TextField(blank=True)
    is_ticked = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.repository_id}:{self.path}"


class TrackPlace(models.Model):
    """A file that may hold tracks, where the newest listed tree of its repository has it."""

    repository = models.ForeignKey(RepositoryState, on_delete=models.CASCADE, related_name="track_places")
    path = models.TextField()
    oid = models.CharField(max_length=64, db_index=True)
    size = models.BigIntegerField(default=0)
    # By the member's answer for its folder; None while there is none.
    is_wanted = models.BooleanField(null=True)
    # The content that lay at this path before.
    replaces = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"{self.repository_id}:{self.path}"


class TrackBlob(models.Model):
    """The content of a file that was fetched, or that will not be: each is fetched once."""

    class State(models.TextChoices):
        # Its text would not do: its bytes have to be fetched.
        RAW = "raw", "to be fetched whole"
        READ = "read", "read"
        UNREADABLE = "unreadable", "not readable"
        # Another version took its place in the files; fetched again should it come back.
        REPLACED = "replaced", "replaced"

    SETTLED = (State.READ, State.UNREADABLE)

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="track_blobs")
    oid = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices)
    reason = models.CharField(max_length=200, blank=True)
    # Where it lay when it was read: that is what the files say of it.
    repository = models.ForeignKey(
        RepositoryState, null=True, on_delete=models.SET_NULL, related_name="track_blobs"
    )
    path = models.TextField(blank=True)
    replaces = models.CharField(max_length=64, blank=True)
    commit_oid = models.CharField(max_length=64, blank=True)
    committed_at = models.DateTimeField(null=True)
    # In which files its tracks stand.
    kind = models.CharField(max_length=20, choices=YearFile.Kind.choices, blank=True)
    years = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    # How often its reading was begun and not come to an end: a worker that dies of it leaves this behind.
    begun = models.PositiveSmallIntegerField(default=0)
    # Whether points were left out for a zone: without that zone it has more to give.
    is_cut = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["subscription", "oid"], name="track_blob_once_per_member")
        ]

    def __str__(self) -> str:
        return f"blob {self.oid}"


class TrackSheet(models.Model):
    """What pages show of one tracks file: facts and drawings of its tracks, no place on earth."""

    year_file = models.OneToOneField(
        YearFile, on_delete=models.CASCADE, primary_key=True, related_name="track_sheet"
    )
    # sheets.pack() of the drawn tracks, encrypted; of the current file, and of the pending one.
    encrypted_content = models.BinaryField(null=True)
    encrypted_pending = models.BinaryField(null=True)

    def __str__(self) -> str:
        return f"sheet of {self.year_file_id}"

    @staticmethod
    def place(year_file_id: int) -> str:
        return f"tracksheet.content:{year_file_id}"

    @property
    def encrypted_places(self) -> dict[str, str]:
        place = self.place(self.year_file_id)
        return {"encrypted_content": place, "encrypted_pending": place}


class StagedBatchManager(models.Manager["StagedBatch"]):
    def stage(
        self, subscription: Subscription, kind: str, year: int, weeks: Iterable[str], content: bytes
    ) -> "StagedBatch":
        place = StagedBatch.place(subscription.pk, kind, year)
        return self.create(
            subscription=subscription,
            kind=kind,
            year=year,
            weeks=sorted(set(weeks)),
            encrypted_content=encrypt(content, place),
        )


class StagedBatch(models.Model):
    """Records of one answer that fall in one year, until the file that holds them is confirmed."""

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="staged_batches")
    kind = models.CharField(max_length=20, choices=YearFile.Kind.choices)
    year = models.PositiveSmallIntegerField()
    weeks = ArrayField(models.CharField(max_length=8))
    # archive.pack() of the records, encrypted.
    encrypted_content = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[StagedBatchManager] = StagedBatchManager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["subscription", "kind", "year"], name="staged_by_year"),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk} of {self.year}"

    @staticmethod
    def place(subscription_id: int, kind: str, year: int) -> str:
        return f"stagedbatch.content:{subscription_id}:{kind}:{year}"

    @property
    def encrypted_places(self) -> dict[str, str]:
        """{column: the place its value is bound to}, for whoever encrypts them anew."""
        return {"encrypted_content": self.place(self.subscription_id, self.kind, self.year)}

    @property
    def content(self) -> bytes:
        return decrypt(self.encrypted_content, self.place(self.subscription_id, self.kind, self.year))


class EraseScope(models.TextChoices):
    """What leaving, or a smaller part of it, takes away; each has a receipt."""

    GITHUB = "github", "disconnect GitHub"
    PRIVATE = "private", "the private files"
    FILES = "files", "all files"
    ACCOUNT = "account", "the account"
    # Making room for another GitHub account: what was collected of the present one is forgotten here, and
    # its files stay or go.
    CHANGE = "change", "this GitHub account"
    REPLACE = "replace", "this GitHub account and its files"
    FILE = "file", "one file"


# What every message and every request asks is said in SQL: putting it together takes the ORM several times
# as long as Postgres takes to answer.
#
# Both take the subscription's row before the run's, as everybody else who changes the two does: a member's
# click and a step under way come one after the other, and neither waits for the other in a circle. A row that
# is locked is read as it is then, and a run is only found by way of it.
CLAIM = """
with subscription as (
    select id from sync_subscription
    where id = (select subscription_id from sync_syncrun where id = %(run)s and step = %(step)s)
    for no key update
), claimed as (
    update sync_syncrun run
    set state = 'running', lease_until = %(lease_until)s, nudge_at = %(lease_until)s, resume_at = null,
        wait_reason = '', started_at = coalesce(started_at, %(now)s),
        lost_leases = lost_leases + (state = 'running' and lease_until is not null)::int
    from subscription
    where run.id = %(run)s and run.step = %(step)s and run.state = any(%(active)s)
        and (run.lease_until is null or run.lease_until <= %(now)s)
        and (run.resume_at is null or run.resume_at <= %(now)s)
        and subscription.id = run.subscription_id
    returning run.subscription_id
)
update sync_subscription set fence = fence + 1 from claimed where id = claimed.subscription_id
"""
HOLD = """
with subscription as (
    select id, fence, blocked_until from sync_subscription where id = %(subscription)s for no key update
)
update sync_syncrun run
set lease_until = %(lease_until)s, nudge_at = %(lease_until)s
from subscription
where run.id = %(run)s and run.state = 'running' and run.step = %(step)s
    and subscription.id = run.subscription_id and subscription.fence = %(fence)s
returning subscription.blocked_until
"""


# Of active runs: no worker has it, and it waits for no moment. Its message may still be in the queue.
MAY_BE_QUEUED = Q(lease_until=None) & ~Q(state="waiting")


class SyncRunQuerySet(models.QuerySet["SyncRun"]):
    def active(self) -> "SyncRunQuerySet":
        return self.filter(state__in=SyncRun.ACTIVE_STATES)

    def to_nudge(self, now: datetime, lost_after: timedelta | None = None) -> "SyncRunQuerySet":
        """Active ones whose message may be lost: their lease, wait or message is overdue.

        `lost_after`: how long after it was sent a message counts as lost where nobody has begun its step.
        What was sent for a lease that ran out or a wait that is over counts as well.
        """
        overdue, nudge = Q(nudge_at__lte=now), timedelta(seconds=settings.SYNC_NUDGE_SECONDS)
        if lost_after is not None:
            is_nudged_wait = Q(state="waiting", resume_at__lte=now, nudge_at__gte=F("resume_at") + nudge)
            may_be_lost = MAY_BE_QUEUED | Q(lease_until__lte=now) | is_nudged_wait
            sent_before = now + max(nudge - lost_after, timedelta())
            overdue = Q(nudge_at__lte=sent_before) & (overdue | may_be_lost)
        return self.active().filter(overdue)

    def claim(self, run_id: int, step: int, now: datetime) -> "SyncRun | None":
        """Take the run for this step, or None: somebody else has it, or the message is an old one.

        Compare-and-set on state, lease and step; the subscription's fence rises with the claim.
        """
        lease_until = now + timedelta(seconds=settings.SYNC_LEASE_SECONDS)
        values: dict[str, Any] = {"run": run_id, "step": step, "active": list(SyncRun.ACTIVE_STATES)}
        with connection.cursor() as cursor:
            cursor.execute(_claim_and_read(), {**values, "now": now, "lease_until": lease_until})
            if not cursor.rowcount:
                return None
            cursor.nextset()
            (row,) = cursor.fetchall()
            return _claimed(row)


def _waiting_for_a_worker() -> dict[str, Any]:
    """The fields of an active run that nobody has, from now on."""
    return {"lease_until": None, "nudge_at": next_nudge(), "sent_at": timezone.now()}


class SyncRun(models.Model):
    """One attempt to bring a member up to date."""

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        WAITING = "waiting", "waiting"
        SUCCEEDED = "succeeded", "succeeded"
        FAILED = "failed", "failed"
        CANCELLED = "cancelled", "cancelled"

    class Trigger(models.TextChoices):
        CONNECTED = "connected", "GitHub was connected"
        MEMBER = "member", "the member asked"
        STALE = "stale", "it was due"
        RESUMED = "resumed", "resumed"
        OPERATOR = "operator", "an operator asked"
        ERASE = "erase", "erasing"
        REMOVE = "remove", "something was taken out"

    class WaitReason(models.TextChoices):
        GITHUB_LIMIT = "github_limit", "GitHub's limit"
        GITHUB_UNAVAILABLE = "github_unavailable", "GitHub is not answering"
        OPENHUMANS_UNAVAILABLE = "openhumans_unavailable", "Open Humans is not answering"
        SITE = "site", "the people who run this site"

    ACTIVE_STATES = (State.QUEUED, State.RUNNING, State.WAITING)
    # What the member wants gone is never held up, by nobody.
    DELETING = (Trigger.ERASE, Trigger.REMOVE)

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="runs")
    trigger = models.CharField(max_length=10, choices=Trigger.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    # Whose turn it is: only the message that carries this number does anything.
    step = models.PositiveIntegerField(default=0)
    is_interactive = models.BooleanField(default=False)
    lease_until = models.DateTimeField(null=True, blank=True)
    # When the scan should send this run's message again.
    nudge_at = models.DateTimeField(null=True, blank=True)
    # Since when its present step waits for a worker, however often its message was sent again; of the first
    # step, of a wait and of a lost lease the moments beside this one tell it.
    sent_at = models.DateTimeField(null=True, blank=True)
    resume_at = models.DateTimeField(null=True, blank=True)
    wait_reason = models.CharField(max_length=30, choices=WaitReason.choices, blank=True)
    waits = models.PositiveIntegerField(default=0)
    # Outages met in a row in this run; each makes the next wait longer.
    outages = models.PositiveSmallIntegerField(default=0)
    # Workers lost in a row without anything done in between: killed, or hung beyond their lease.
    lost_leases = models.PositiveSmallIntegerField(default=0)
    probed_at = models.DateTimeField(null=True, blank=True)
    weeks_fetched = ArrayField(models.CharField(max_length=8), default=list, blank=True)
    requests = models.PositiveIntegerField(default=0)
    points = models.PositiveIntegerField(default=0)
    records_new = models.PositiveIntegerField(default=0)
    records_changed = models.PositiveIntegerField(default=0)
    uploads = models.PositiveIntegerField(default=0)
    bytes_uploaded = models.BigIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # What a run with the trigger "erase" takes away.
    erase_scope = models.CharField(max_length=10, choices=EraseScope.choices, blank=True)
    # Where that is one file, its name.
    erase_file = models.CharField(max_length=60, blank=True, default="", db_default="")

    objects: ClassVar[SyncRunQuerySet] = SyncRunQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subscription"],
                condition=Q(state__in=("queued", "running", "waiting")),
                name="one_active_run_per_member",
            )
        ]
        indexes: ClassVar = [
            # The scan: active runs whose message may be lost.
            models.Index(
                fields=["nudge_at"],
                condition=Q(state__in=("queued", "running", "waiting")),
                name="run_nudge",
            ),
        ]
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"run {self.pk} of {self.subscription_id}"

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE_STATES

    @property
    def may_be_queued(self) -> bool:
        """As `MAY_BE_QUEUED`."""
        return self.lease_until is None and self.state != self.State.WAITING

    @property
    def is_deleting(self) -> bool:
        return self.trigger in self.DELETING

    @property
    def duration(self) -> timedelta | None:
        if self.started_at is None:
            return None
        return (self.finished_at or timezone.now()) - self.started_at

    def hold(self) -> None:
        """Renew the lease, or raise `LeaseLost`: the run was cancelled or another worker has claimed it."""
        self.renew()

    def renew(self) -> datetime | None:
        """`hold`, and until when nothing may be sent to GitHub for this member, as far as anybody knows."""
        lease_until = timezone.now() + timedelta(seconds=settings.SYNC_LEASE_SECONDS)
        subscription = {"subscription": self.subscription_id, "fence": self.subscription.fence}
        place = {"run": self.pk, "step": self.step, **subscription}
        with connection.cursor() as cursor:
            cursor.execute(HOLD, {**place, "lease_until": lease_until})
            held: tuple[datetime | None] | None = cursor.fetchone()
        if held is None:
            raise LeaseLost(f"Run {self.pk} is no longer ours.")
        self.lease_until = lease_until
        return held[0]

    def has_got_on(self) -> None:
        """Something was done and kept: workers lost before it are forgotten."""
        if self.lost_leases:
            self.lost_leases = 0
            SyncRun.objects.filter(pk=self.pk).update(lost_leases=0)

    def release(self) -> None:
        """Give the lease back, so that the same message can claim the run again at once."""
        ours = SyncRun.objects.filter(pk=self.pk, step=self.step, state=SyncRun.State.RUNNING)
        ours.update(**_waiting_for_a_worker())

    def advance(self, *changed: str) -> None:
        """Leave the next step to whoever gets its message; save the fields `changed` with it."""
        self.step += 1
        waiting = _waiting_for_a_worker()
        for name, value in waiting.items():
            setattr(self, name, value)
        self.save(update_fields=["step", *waiting, *changed])

    def add_weeks(self, weeks: Iterable[str]) -> None:
        known = len(self.weeks_fetched)
        self.weeks_fetched = sorted({*self.weeks_fetched, *weeks}, reverse=True)
        count("weeks_fetched", amount=len(self.weeks_fetched) - known)

    @property
    def detail(self) -> dict[str, Any]:
        """Facts for log lines; never a name, a message or a token."""
        return {"run": self.pk, "subscription": self.subscription_id, "step": self.step}


# --- Reading a claimed run ---


@cache
def _claim_and_read() -> str:
    """CLAIM, and a statement that reads the run with its subscription, member and track settings.

    Postgres is asked once for both, and does them in one transaction: the second one reads what the first has
    waited for and changed.
    """
    tables = {"run": SyncRun, "subscription": Subscription, "member": User, "tracks": TrackSettings}
    return (
        f"{CLAIM}; "  # noqa: S608 - names of our own columns
        f"select {', '.join(columns(model, alias) for alias, model in tables.items())}"
        f" from {SyncRun._meta.db_table} run"
        f" join {Subscription._meta.db_table} subscription on subscription.id = run.subscription_id"
        f" join {User._meta.db_table} member on member.id = subscription.user_id"
        f" left join {TrackSettings._meta.db_table} tracks on tracks.subscription_id = subscription.id"
        " where run.id = %(run)s"
    )


def _claimed(row: Sequence[Any]) -> SyncRun:
    values = iter(row)
    run, subscription = taken(SyncRun, values), taken(Subscription, values)
    member, tracks = taken(User, values), taken(TrackSettings, values)
    run.subscription, subscription.user = subscription, member
    if tracks.pk is not None:
        tracks.subscription = subscription
    else:
        # Nobody has to ask again whether there are any.
        _tracks_of_subscription().set_cached_value(subscription, None)
    return run


def _tracks_of_subscription() -> Any:
    return Subscription._meta.get_field("track_settings")


def next_nudge() -> datetime:
    """When a scan sends a message again that is sent now, if nobody has begun its step by then."""
    return timezone.now() + timedelta(seconds=settings.SYNC_NUDGE_SECONDS)


def new_receipt_key() -> str:
    return secrets.token_urlsafe(24)


class Receipt(models.Model):
    """What leaving took away, and what a listing at Open Humans showed afterwards.

    The one of a deleted account belongs to nobody and names nothing: whoever has its address may read it.
    """

    class Outcome(models.TextChoices):
        DONE = "done", "done"
        # There was nothing to do it with: the other side no longer accepts our access.
        NO_ACCESS = "no_access", "no access"
        REFUSED = "refused", "refused"

    class Cause(models.TextChoices):
        """Why an operator had it done: a choice, because words of theirs might name the member."""

        ASKED = "asked", "the member had asked for it"
        MISUSE = "misuse", "the site was misused"
        LAW = "law", "a law or a court demanded it"
        OTHER = "other", "for another reason"
        RESTORED = "restored", "a restored backup still had what was to be deleted"

    key = models.CharField(max_length=40, unique=True, default=new_receipt_key)
    subscription = models.ForeignKey(
        Subscription, null=True, blank=True, on_delete=models.CASCADE, related_name="receipts"
    )
    run = models.OneToOneField(
        SyncRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="receipt"
    )
    scope = models.CharField(max_length=10, choices=EraseScope.choices)
    # Both empty where the member did it.
    operator = models.CharField(max_length=150, blank=True, default="", db_default="")
    cause = models.CharField(max_length=10, choices=Cause.choices, blank=True, default="", db_default="")
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Names of the files found, noted before the first is deleted, and of those still there at the end.
    found = models.JSONField(default=list, blank=True)
    left = models.JSONField(default=list, blank=True)
    files_deleted = models.PositiveIntegerField(default=0)
    files_left = models.PositiveIntegerField(default=0)
    listed_at = models.DateTimeField(null=True, blank=True)
    files = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    grant = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    membership = models.CharField(max_length=10, choices=Outcome.choices, blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"receipt {self.pk} ({self.scope})"

    @property
    def is_finished(self) -> bool:
        return self.finished_at is not None


class SyncStop(models.Model):
    """While there is one, nobody is synced: see switch.py."""

    # There is at most one.
    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    reason = models.CharField(max_length=300, help_text="Members read this.")
    stopped_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = "stop of all syncing"
        verbose_name_plural = "stop of all syncing"
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="one_stop")]

    def __str__(self) -> str:
        return self.reason


class OperatorAction(models.Model):
    """What an operator did, to one member or to all, and why. Members see those that touched them."""

    class Kind(models.TextChoices):
        RUN = "run", "started an update"
        CANCEL = "cancel", "stopped an update"
        PAUSE = "pause", "paused your updates"
        RESUME = "resume", "resumed your updates"
        DELETE = "delete", "deleted data for you"
        RECONCILE = "reconcile", "compared your files with what we know of them"
        VIEW = "view", "looked at the list of your files"
        SHUT_OUT = "shut_out", "closed your account here"
        LET_IN = "let_in", "opened your account here again"
        STOP = "stop", "stopped all syncing"
        START = "start", "let syncing go on"
        RESTORE = "restore", "restored a backup"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    reason = models.CharField(max_length=300)
    # The name, because an operator's account may go while what they did stays.
    operator = models.CharField(max_length=150)
    # Empty for what touched everybody.
    subscription = models.ForeignKey(
        Subscription, null=True, blank=True, on_delete=models.CASCADE, related_name="operator_actions"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.operator} {self.get_kind_display()}"


class ProviderState(models.Model):
    """Whether a service is in doubt for all members together, see breaker.py. No row: it never failed."""

    class Service(models.TextChoices):
        GITHUB = "github", "GitHub"
        GITHUB_TOKENS = "github_tokens", "GitHub's tokens"
        OPENHUMANS = "openhumans", "Open Humans"
        OPENHUMANS_TOKENS = "openhumans_tokens", "Open Humans' tokens"

    service = models.CharField(primary_key=True, max_length=20, choices=Service.choices)
    # Outages in a row, of whichever members.
    outages = models.PositiveSmallIntegerField(default=0)
    # Since when nobody asks but for one probe a minute, and when the next one may be sent.
    opened_at = models.DateTimeField(null=True, blank=True)
    probe_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    # Credentials whose refusal nobody believed.
    suspects = ArrayField(models.BigIntegerField(), default=list, blank=True)

    def __str__(self) -> str:
        return self.Service(self.service).label
