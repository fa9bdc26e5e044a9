"""What operators see: runs, subscriptions and files, to be read. Nothing here is made or changed by hand.

Neither tokens nor what members did can be reached from here: the models that hold them stay out, and so do
the columns that hold names of repositories. Whoever may look and not change (the group "support") sees
numbers in the place of members. What is done to a member is written down with who and why, see operating.py.
"""

# ruff: noqa: ARG002 - hooks have the signatures Django calls them with

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import django_dramatiq.admin  # noqa: F401  (registers what is taken away below)
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django_dramatiq.models import Task

from sync import reconciling, switch
from sync.models import OperatorAction, Receipt, Subscription, SyncRun, SyncStop, YearFile
from sync.operators import operating
from sync.operators.operating import NotPossible
from sync.operators.timeline import timeline_of
from sync.pages.history import in_words
from sync.weeks import Week, WeekState

# Messages are not recorded there: the runs below are the truth.
admin.site.unregister(Task)
admin.site.site_header = admin.site.site_title = "GitHub for Open Humans"
admin.site.index_title = "Operation"


def ranges_of(weeks: list[str]) -> list[str]:
    """`2026-W01 to 2026-W18` for weeks in a row, oldest first: a first run fetches hundreds."""
    rows: list[tuple[Week, Week]] = []
    for week in sorted(map(Week.parse, weeks)):
        if rows and rows[-1][1].next() == week:
            rows[-1] = (rows[-1][0], week)
        else:
            rows.append((week, week))
    return [str(first) if first == last else f"{first} to {last}" for first, last in rows]


def may_see_members(request: HttpRequest) -> bool:
    """Those who could change something. Others, the support role, see nobody's name, id or reason."""
    return bool(request.user.has_perm("sync.change_subscription"))


SAY_WHY = "Say why: the reason is kept."


class ReasonForm(ActionForm):
    reason = forms.CharField(max_length=300, required=False, label="Reason")


def reason_given(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    show_full_result_count = False
    list_per_page = 50
    action_form = ReasonForm
    # Fields that say who somebody is.
    personal: ClassVar[frozenset[str]] = frozenset()

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = super().get_list_display(request)
        return shown if may_see_members(request) else [name for name in shown if name not in self.personal]

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if may_see_members(request):
            return fieldsets
        return [
            (title, {**options, "fields": [name for name in options["fields"] if name not in self.personal]})
            for title, options in fieldsets
        ]

    def get_search_fields(self, request: HttpRequest) -> Any:
        return super().get_search_fields(request) if may_see_members(request) else ()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """By address nobody filters for what no filter offers: that would tell names letter by letter."""
        offered = {*self.get_list_filter(request), self.date_hierarchy}
        return lookup.partition("__")[0] in offered

    def act(
        self, request: HttpRequest, chosen: Iterable[Any], act: Callable[[Any, str, str], object], done: str
    ) -> None:
        """Do it to each, in the operator's name and with the reason given; say what was not possible."""
        reason = reason_given(request)
        if not reason:
            self.message_user(request, SAY_WHY, messages.ERROR)
            return
        count, refusals = 0, set()
        for item in chosen:
            try:
                act(item, request.user.get_username(), reason)
                count += 1
            except NotPossible as error:
                refusals.add(str(error))
        text = " ".join([f"{count} {done}.", *sorted(refusals)])
        self.message_user(request, text, messages.SUCCESS if count else messages.WARNING)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Reading is for all who may view; acting is for those who could change."""
        return bool(request.user.has_perm("sync.change_syncrun"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    personal = frozenset({"member", "error"})
    list_display = (
        "id",
        "state",
        "member",
        "trigger",
        "weeks",
        "requests",
        "points",
        "waits",
        "error_code",
        "duration_in_words",
        "created_at",
    )
    list_filter = ("state", "trigger", "error_code", "created_at")
    list_select_related = ("subscription__user",)
    search_fields = (
        "subscription__github_login",
        "=subscription__github_id",
        "=subscription__user__open_humans_id",
    )
    date_hierarchy = "created_at"
    actions = ("run_again", "cancel")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("member", "trigger", "erase_scope", "state", "step", "error_code", "error")}),
        ("Work", {"fields": ("weeks", "weeks_in_words", "records_new", "records_changed")}),
        ("Cost", {"fields": ("requests", "points", "uploads", "bytes_uploaded", "waits", "outages")}),
        ("Waiting", {"fields": ("wait_reason", "resume_at", "lease_until", "nudge_at")}),
        ("Timeline", {"fields": ("timeline",)}),
        ("Times", {"fields": ("created_at", "started_at", "finished_at", "duration_in_words")}),
    )

    @admin.display(ordering="subscription__github_login")
    def member(self, run: SyncRun) -> str:
        return f"{run.subscription.github_login} · {run.subscription.user.open_humans_id}"

    @admin.display(description="weeks")
    def weeks(self, run: SyncRun) -> int:
        return len(run.weeks_fetched)

    @admin.display(description="weeks fetched")
    def weeks_in_words(self, run: SyncRun) -> str:
        return ", ".join(ranges_of(run.weeks_fetched)) or "none"

    @admin.display(description="duration")
    def duration_in_words(self, run: SyncRun) -> str:
        return "not started" if run.duration is None else in_words(run.duration)

    @admin.display(description="what happened when")
    def timeline(self, run: SyncRun) -> str:
        rows = ((f"{event.at:%Y-%m-%d %H:%M:%S}", event.after, event.text) for event in timeline_of(run))
        return format_html("<ol>{}</ol>", format_html_join("", "<li>{} ({}): {}</li>", rows))

    @admin.action(description="Run again", permissions=["operate"])
    def run_again(self, request: HttpRequest, chosen: QuerySet[SyncRun]) -> None:
        members = Subscription.objects.filter(runs__in=chosen).distinct()
        self.act(request, members, operating.run, "under way")

    @admin.action(description="Cancel", permissions=["operate"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[SyncRun]) -> None:
        self.act(request, chosen.select_related("subscription"), operating.cancel, "cancelled")


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    personal = frozenset(
        {"github_login", "github_id", "open_humans_id", "reason", "agreement", "differences"}
    )
    actions = ("sync", "reconcile", "pause", "resume", "shut_out", "let_in")
    list_display = (
        "id",
        "github_login",
        "github_id",
        "open_humans_id",
        "status",
        "synced_at",
        "next_due_at",
        "blocked_until",
        "failures",
    )
    list_filter = ("status",)
    list_select_related = ("user",)
    search_fields = ("github_login", "=github_id", "=user__open_humans_id")
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("github_login", "github_id", "open_humans_id", "status", "reason", "agreement")}),
        (
            "Times",
            {"fields": ("created_at", "synced_at", "next_due_at", "blocked_until", "ledger_starts_on")},
        ),
        ("Compared with Open Humans", {"fields": ("reconciled_at", "differences")}),
        ("Engine", {"fields": ("failures", "secondary_limits", "batch_sizes", "fence")}),
    )

    @admin.display(description="Open Humans id", ordering="user__open_humans_id")
    def open_humans_id(self, subscription: Subscription) -> str | None:
        return subscription.user.open_humans_id

    @admin.action(description="Sync now", permissions=["operate"])
    def sync(self, request: HttpRequest, chosen: QuerySet[Subscription]) -> None:
        self.act(request, chosen, operating.run, "under way")

    @admin.display(description="what differed")
    def differences(self, subscription: Subscription) -> str:
        return reconciling.in_words(subscription.reconciliation) or "nothing"

    @admin.action(description="Reconcile: compare with what Open Humans lists", permissions=["operate"])
    def reconcile(self, request: HttpRequest, chosen: QuerySet[Subscription]) -> None:
        self.act(request, chosen, operating.reconcile, "under way")

    @admin.action(description="Pause", permissions=["operate"])
    def pause(self, request: HttpRequest, chosen: QuerySet[Subscription]) -> None:
        self.act(request, chosen, operating.pause, "paused")

    @admin.action(description="Close the account", permissions=["operate"])
    def shut_out(self, request: HttpRequest, chosen: QuerySet[Subscription]) -> None:
        self.act(request, chosen.select_related("user"), operating.shut_out, "closed")

    @admin.action(description="Open the account again", permissions=["operate"])
    def let_in(self, request: HttpRequest, chosen: QuerySet[Subscription]) -> None:
        self.act(request, chosen.select_related("user"), operating.let_in, "opened")

    @admin.action(description="Resume what operators or failures paused", permissions=["operate"])
    def resume(self, request: HttpRequest, chosen: QuerySet[Subscription]) -> None:
        self.act(request, chosen, operating.resume, "under way")


@admin.register(YearFile)
class YearFileAdmin(ReadOnlyAdmin):
    personal = frozenset({"member", "current_id", "superseded", "md5"})
    list_display = ("name", "member", "size", "weeks_complete", "generation", "is_pending", "published_at")
    list_filter = ("kind", "year")
    list_select_related = ("subscription",)
    search_fields = (
        "subscription__github_login",
        "=subscription__github_id",
        "=subscription__user__open_humans_id",
    )
    fields = (
        "name",
        "member",
        "current_id",
        "superseded",
        "is_pending",
        "size",
        "md5",
        "generation",
        "weeks_complete",
        "published_at",
        "removed_by_member_at",
    )

    @admin.display(ordering="subscription__github_login")
    def member(self, file: YearFile) -> str:
        return file.subscription.github_login

    @admin.display(description="complete weeks")
    def weeks_complete(self, file: YearFile) -> str:
        complete = sum(entry.get("state") == WeekState.COMPLETE for entry in file.weeks.values())
        return f"{complete} of {len(file.weeks)}"

    @admin.display(description="upload under way", boolean=True)
    def is_pending(self, file: YearFile) -> bool:
        return file.pending is not None


@admin.register(OperatorAction)
class OperatorActionAdmin(ReadOnlyAdmin):
    personal = frozenset({"subscription", "reason"})
    list_display = ("created_at", "operator", "kind", "subscription", "reason")
    list_filter = ("kind", "operator")
    list_select_related = ("subscription",)


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    """Who deleted what, and why; not its address, nor names of files."""

    list_display = ("created_at", "scope", "operator", "cause", "files_deleted", "files_left", "finished_at")
    list_filter = ("scope", "cause", "operator")
    fields = (*list_display, "listed_at", "files", "grant", "membership")


@admin.register(SyncStop)
class SyncStopAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The switch: adding one stops all syncing, ending it with a reason lets it go on."""

    list_display = ("reason", "stopped_at")
    action_form = ReasonForm
    actions = ("start",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not SyncStop.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Django's own page for it has no place for a reason; the action below has."""
        return False

    def has_start_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("sync.delete_syncstop"))

    def save_model(self, request: HttpRequest, obj: SyncStop, form: Any, change: bool) -> None:  # noqa: FBT001
        switch.stop(obj.reason, request.user.get_username())

    @admin.action(description="Let syncing go on", permissions=["start"])
    def start(self, request: HttpRequest, chosen: QuerySet[SyncStop]) -> None:
        reason = reason_given(request)
        if not reason:
            self.message_user(request, SAY_WHY, messages.ERROR)
            return
        woken = switch.start(reason, request.user.get_username())
        self.message_user(request, f"Syncing goes on; {woken} runs were waiting for it.")
