"""The forms by which a member leaves something out: each says what happens to the files, and asks once."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from sync import choices, omitting
from sync.access import member_page
from sync.models import Subscription, YearFile
from sync.omissions import Omissions

TEXTS = "Messages, titles and texts are taken out of every record. Dates, sizes, repositories and links stay."
TEXTS_AGAIN = "Messages, titles and texts are read from GitHub again, as far as GitHub still has them."
COUNTS = (
    "GitHub's numbers of private contributions go, and with them its calendar, which counts private and"
    " public work in one number. Your heat map is drawn from your records then."
)
COUNTS_AGAIN = "GitHub's calendar and its numbers of private contributions are read again."


class TextsForm(forms.Form):
    """Ticked means: leave it out."""

    texts = forms.BooleanField(required=False)
    private_counts = forms.BooleanField(required=False)
    confirmed = forms.BooleanField(required=False)

    def changes(self) -> dict[str, Any]:
        return {name: not self.cleaned_data[name] for name in ("texts", "private_counts")}


class PlacesForm(forms.Form):
    """Ticked means: leave it out. `another` is an owner that is on no list yet."""

    repositories = forms.MultipleChoiceField(required=False)
    owners = forms.MultipleChoiceField(required=False)
    another = forms.CharField(
        required=False,
        max_length=39,
        validators=[
            RegexValidator(r"^[A-Za-z0-9_-]+\Z", "This is not the name of a person or organisation.")
        ],
        error_messages={"max_length": "Names on GitHub have at most 39 letters."},
    )
    confirmed = forms.BooleanField(required=False)

    def __init__(self, data: Any, subscription: Subscription) -> None:
        super().__init__(data)
        self.places = omitting.known_places(subscription)
        self.names = {place["id"]: place["name"] for places in self.places.values() for place in places}
        named = [item["owner"] for item in subscription.agreement.get("left_out", []) if "owner" in item]
        known = {owner.lower(): owner for owner in [*named, *self.places]}
        self.listed_owners = sorted(known.values(), key=str.lower)
        for field, values in (("repositories", self.names), ("owners", self.listed_owners)):
            self.fields[field].choices = [(value, value) for value in values]  # type: ignore[attr-defined]
            self.fields[field].error_messages["invalid_choice"] = "This is none of your repositories."

    def changes(self) -> dict[str, Any]:
        another = self.cleaned_data["another"]
        owners = {
            owner.lower(): owner for owner in [*self.cleaned_data["owners"], *([another] if another else [])]
        }
        repositories = [
            {"id": node_id, "name": self.names[node_id]}
            for node_id in self.cleaned_data["repositories"]
            if self.names[node_id].partition("/")[0].lower() not in owners
        ]
        return {"left_out": [*({"owner": owner} for owner in owners.values()), *repositories]}


class OrganizationsForm(forms.Form):
    """Ticked means: its private repositories are included."""

    ticked = forms.MultipleChoiceField(required=False)
    confirmed = forms.BooleanField(required=False)

    def __init__(self, data: Any, subscription: Subscription) -> None:
        super().__init__(data)
        self.known = omitting.organizations(subscription)
        self.fields["ticked"].choices = [(owner, owner) for owner in self.known]  # type: ignore[attr-defined]
        self.fields["ticked"].error_messages["invalid_choice"] = "This is none of your organisations."

    def changes(self) -> dict[str, Any]:
        ticked = self.cleaned_data["ticked"]
        return {
            "organizations": ticked,
            "organizations_out": [owner for owner in self.known if owner not in ticked],
        }


OmissionsForm = TextsForm | PlacesForm | OrganizationsForm


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def organizations(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Whose private repositories are included, one by one; none is before it was ticked."""
    if not subscription.includes_private:
        return redirect("choices")
    form = OrganizationsForm(request.POST if request.method == "POST" else None, subscription)
    if form.is_valid():
        return _ask_and_do(request, subscription, form, reverse("organizations"))
    context = {"form": form, "subscription": subscription}
    return render(request, "sync/organizations.html", context, status=400 if form.is_bound else 200)


@require_POST
@member_page
def texts(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    form = TextsForm(request.POST)
    form.is_valid()
    return _ask_and_do(request, subscription, form, reverse("choices"))


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def places(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    form = PlacesForm(request.POST if request.method == "POST" else None, subscription)
    if form.is_valid():
        return _ask_and_do(request, subscription, form, reverse("left_out_places"))
    context = {"form": form, "groups": _groups(form, subscription.omissions), "subscription": subscription}
    return render(request, "sync/left_out_places.html", context, status=400 if form.is_bound else 200)


def _groups(form: PlacesForm, left_out: Omissions) -> list[dict[str, Any]]:
    by_owner = {owner.lower(): places for owner, places in form.places.items()}
    return [
        {
            "owner": owner,
            "is_left_out": owner.lower() in left_out.owners,
            "places": [
                (place["id"], place["name"].partition("/")[2], place["id"] in left_out.repositories)
                for place in by_owner.get(owner.lower(), [])
            ],
        }
        for owner in form.listed_owners
    ]


def _ask_and_do(
    request: HttpRequest, subscription: Subscription, form: OmissionsForm, address: str
) -> HttpResponse:
    changes = form.changes()
    before = subscription.omissions
    after = Omissions.of({**subscription.agreement, **changes})
    if before == after:
        messages.info(request, "Nothing has changed.")
        return redirect(address)
    if not form.cleaned_data["confirmed"]:
        context = {
            "what": _in_words(before, after),
            "going": _named(subscription.agreement | changes, after, before),
            "coming": _named(subscription.agreement, before, after),
            "widening": [
                owner for owner in changes.get("organizations", [])
                if owner.lower() not in (before.organizations or ())
            ],
            "fields": [
                (name, value) for name in request.POST for value in request.POST.getlist(name)
                if name in form.fields
            ],
            "address": request.path,
            "back": address,
            "is_more": after.adds_to(before),
            "file_count": subscription.year_files.exclude(current_id=None).exclude(
                kind__in=YearFile.DOCUMENTS
            ).count(),
        }  # fmt: skip
        return render(request, "sync/left_out_confirm.html", context)
    try:
        run = omitting.change_omissions(subscription, **changes)
    except choices.SyncUnderWay as wait:
        messages.warning(request, f"{wait} Please try again when it has ended.")
        return redirect(address)
    done = "Your choice is saved."
    messages.success(request, f"{done} Your files follow it now." if run else done)
    return redirect("dashboard" if run else address)


def _in_words(before: Omissions, after: Omissions) -> list[str]:
    told = []
    if before.texts != after.texts:
        told.append(TEXTS if after.texts else TEXTS_AGAIN)
    if before.private_counts != after.private_counts:
        told.append(COUNTS if after.private_counts else COUNTS_AGAIN)
    return told


def _named(agreement: dict[str, Any], more: Omissions, less: Omissions) -> list[str]:
    """The names of what is left out there and not here."""
    items = agreement.get("left_out", [])
    return [
        *(f"everything of {item['owner']}" for item in items
          if item.get("owner", "").lower() in more.owners - less.owners),
        *(item["name"] for item in items if item.get("id") in more.repositories - less.repositories),
        *(f"private repositories of {owner}" for owner in sorted(more.unticked - less.unticked)),
    ]  # fmt: skip
