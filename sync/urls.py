from django.urls import path

# Views start runs, and starting one sends a message that names its actor.
import sync.actors  # noqa: F401
from sync import connecting, downloads, leaving, views, views_choices, webhook, week_page, your_data

urlpatterns = [
    path("", views.landing, name="landing"),
    path("connect/", connecting.connect, name="connect"),
    path("dashboard/", views.dashboard, name="dashboard"),
    path("dashboard/progress/", views.progress, name="progress"),
    path("dashboard/status.json", views.status, name="status"),
    path("dashboard/files.json", views.files, name="files"),
    path("dashboard/update/", views.update, name="update"),
    path("files/<int:pk>/", downloads.download, name="download"),
    path("files/<int:pk>/bring-back/", views_choices.bring_back, name="bring_back"),
    path("files/<int:pk>/leave-out/", views_choices.leave_out, name="leave_out"),
    path("choices/", views_choices.choose, name="choices"),
    path("choices/private/", views_choices.private, name="leave_out_private"),
    path("choices/pause/", views_choices.pause, name="pause"),
    path("choices/resume/", views_choices.resume, name="resume"),
    path("weeks/<str:text>/", week_page.week, name="week"),
    path("your-data/", your_data.your_data, name="your_data"),
    path(f"your-data/{your_data.NOTEBOOK_NAME}", your_data.notebook, name="notebook"),
    path("leaving/", leaving.leaving, name="leaving"),
    path("leaving/<slug:scope>/", leaving.leave, name="leave"),
    path("receipts/<slug:key>/", leaving.receipt, name="receipt"),
    # With and without the slash: Open Humans follows a redirect as a GET, which would lose the body.
    path("openhumans/deauth", webhook.deauthorized),
    path("openhumans/deauth/", webhook.deauthorized, name="deauthorized"),
    path("schema/github-weeks-1.json", views.schema, name="schema"),
]
