from django.urls import path

# Views start runs, and starting one sends a message that names its actor.
import sync.actors  # noqa: F401
from sync import connecting, views
from sync.leaving import leave_views, webhook
from sync.pages import (
    account_views,
    choices_views,
    downloads,
    left_out_views,
    moved_page,
    remove_views,
    tracks_page,
    week_page,
    your_data,
)

urlpatterns = [
    path("", views.landing, name="landing"),
    path("connect/", connecting.connect, name="connect"),
    path("dashboard/", views.dashboard, name="dashboard"),
    path("new/", moved_page.moved, name="moved"),
    path("dashboard/progress/", views.progress, name="progress"),
    path("dashboard/status.json", views.status, name="status"),
    path("dashboard/files.json", views.files, name="files"),
    path("dashboard/update/", views.update, name="update"),
    path("files/<int:pk>/look/", downloads.preview, name="preview"),
    path("files/<int:pk>/", downloads.download, name="download"),
    path("files/<int:pk>/delete/", choices_views.delete_file, name="delete_file"),
    path("files/<int:pk>/bring-back/", choices_views.bring_back, name="bring_back"),
    path("files/<int:pk>/leave-out/", choices_views.leave_out, name="leave_out"),
    path("choices/", choices_views.choose, name="choices"),
    path("choices/private/", choices_views.private, name="leave_out_private"),
    path("choices/left-out/", left_out_views.texts, name="left_out_texts"),
    path("choices/repositories/", left_out_views.places, name="left_out_places"),
    path("choices/organisations/", left_out_views.organizations, name="organizations"),
    path("choices/account/", account_views.change, name="change_account"),
    path("choices/pause/", choices_views.pause, name="pause"),
    path("choices/resume/", choices_views.resume, name="resume"),
    path("choices/come-back/", choices_views.come_back, name="come_back"),
    path("weeks/<str:text>/", week_page.week, name="week"),
    path("tracks/", tracks_page.tracks, name="tracks"),
    path("tracks/look/", tracks_page.look, name="tracks_look"),
    path("tracks/stop/", tracks_page.stop, name="tracks_stop"),
    path("tracks/folders/", tracks_page.choose, name="tracks_choose"),
    path("tracks/zones/", tracks_page.add_zone, name="tracks_add_zone"),
    path("tracks/zones/<slug:key>/remove/", tracks_page.remove_zone, name="tracks_remove_zone"),
    path("tracks/<int:number>/", tracks_page.year, name="tracks_of_year"),
    path("tracks/<int:pk>/<slug:oid>/<int:number>/", tracks_page.track, name="track"),
    path("weeks/<str:text>/remove/<slug:mark>/", remove_views.record, name="remove_record"),
    path(
        "weeks/<str:text>/remove-repository/<slug:mark>/", remove_views.repository, name="remove_repository"
    ),
    path("your-data/", your_data.your_data, name="your_data"),
    path(f"your-data/{your_data.NOTEBOOK_NAME}", your_data.notebook, name="notebook"),
    path("leaving/", leave_views.leaving, name="leaving"),
    path("leaving/<slug:scope>/", leave_views.leave, name="leave"),
    path("receipts/<slug:key>/", leave_views.receipt, name="receipt"),
    # With and without the slash: Open Humans follows a redirect as a GET, which would lose the body.
    path("openhumans/deauth", webhook.deauthorized),
    path("openhumans/deauth/", webhook.deauthorized, name="deauthorized"),
    path("schema/github-weeks-1.json", views.schema, {"name": "github-weeks-1.json"}, name="schema"),
    *(
        path(f"schema/{name}-1.json", views.schema, {"name": f"{name}-1.json"}, name=f"{name}-schema")
        for name in ("github-profile", "github-tracks")
    ),
]
