"""What people do while the stand-in runs: `POST /_sandbox/acts` with `{"act": ..., ...}`.

Totals, `updatedAt`, the calendar and searches change as they would on GitHub; what an act was done to moves
to the front of lists by `updatedAt`. Common to all, and never needed: `repository` (a name or `owner/name`,
else the first), `login` (who does it, else the member), `at` (a moment, else now). The answer is a
JSON object with the `id` of what was made or changed, and its `number` or `name`.

==========================  =============================================================================
`create_issue`              `title`, `body`
`create_pull_request`       `title`, `body`: an open one, of the head of the repository
`create_discussion`         `title`, `body`
`create_comment`            `on`: node id of an issue, pull request, discussion, gist or commit; `body`
`edit_comment`              `id`, `body`: any item; `updatedAt` moves
`delete_comment`            `id`: any item; nothing else tells that it was there
`close_issue`               `id`: an issue; `reason` (COMPLETED)
`reopen_issue`              `id`: an issue that is closed
`submit_review`             `on`: node id of a pull request, else the last one; `comments`: how many; `state`
`create_gist`               `description`, `text`, `public` (true)
`draft_release`             `tag`, `name`: of the head of the repository
`publish_release`           the same, or `id`: a draft; `created_at`: a moment, else `at`
`star`, `unstar`
`make_private`, `make_public`
`archive`
`rename_repository`         `to`: a name
`transfer_repository`       `to`: login of a person or organisation
`delete_repository`
`change_login`              `to`
`link_email`                `email`: commits by this address are the person's from now on
==========================  =============================================================================

The acts of commits are in generated_acts.py: on disk git does the same.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.github.catalogue import SettingError
from sandbox.github.faults import moment
from sandbox.github.hosted import Account, Repository
from sandbox.github.ids import numeric_id, parse_node_id
from sandbox.github.items import (
    CommitComment,
    Discussion,
    DiscussionComment,
    Gist,
    GistComment,
    Issue,
    IssueComment,
    Item,
    PullRequest,
    Release,
    Review,
    ReviewComment,
    Star,
)
from sandbox.github.world import World

Details = dict[str, Any]
Act = Callable[[Details], Details]


class ActError(Exception):
    """What cannot be done; the message says why."""


class Acts:
    """`more` are further acts by name."""

    def __init__(self, world: World, more: dict[str, Act] | None = None) -> None:
        self._world = world
        self._made = 0
        self._acts: dict[str, Act] = {
            "create_issue": self._create_issue,
            "create_pull_request": self._create_pull_request,
            "create_discussion": self._create_discussion,
            "create_comment": self._create_comment,
            "edit_comment": self._edit,
            "delete_comment": self._delete,
            "close_issue": self._close_issue,
            "reopen_issue": self._reopen_issue,
            "submit_review": self._submit_review,
            "create_gist": self._create_gist,
            "draft_release": lambda details: self._make_release(details, published=None),
            "publish_release": self._publish_release,
            "star": self._star,
            "unstar": self._unstar,
            "make_private": lambda details: self._set_private(details, is_private=True),
            "make_public": lambda details: self._set_private(details, is_private=False),
            "archive": self._archive,
            "rename_repository": self._rename,
            "transfer_repository": self._transfer,
            "delete_repository": self._delete_repository,
            "change_login": self._change_login,
            "link_email": self._link_email,
            **(more or {}),
        }

    def do(self, details: Details) -> Details:
        """Raises ActError, having changed nothing."""
        act = self._acts.get(str(details.get("act")))
        if act is None:
            raise ActError(f"No such act. There are: {', '.join(sorted(self._acts))}.")
        with self._world.lock:
            self._world.catalogue.refresh()
            try:
                return act(details)
            except KeyError as error:
                raise ActError(f"{details['act']} needs {error}.") from error
            except (SettingError, ValueError) as error:
                raise ActError(str(error)) from error

    def _create_issue(self, details: Details) -> Details:
        repository = self._repository(details)
        number = self._next_number(repository)
        title = details.get("title", f"Issue {number}")
        return self._add(Issue(**self._base(Issue, details, repository), number=number, title=title))

    def _create_pull_request(self, details: Details) -> Details:
        repository = self._repository(details)
        number = self._next_number(repository)
        return self._add(
            PullRequest(
                **self._base(PullRequest, details, repository),
                number=number,
                title=details.get("title", f"Pull request {number}"),
                head_branch=f"change-{number}",
                head_oid=repository.git.head,
            )
        )

    def _create_discussion(self, details: Details) -> Details:
        repository = self._repository(details)
        number = self._next_number(repository)
        title = details.get("title", f"Discussion {number}")
        return self._add(
            Discussion(**self._base(Discussion, details, repository), number=number, title=title)
        )

    def _create_comment(self, details: Details) -> Details:
        commit = self._commit(details)
        if commit is not None:
            repository, oid = commit
            return self._add(CommitComment(**self._base(CommitComment, details, repository), oid=oid))
        on = self._find(details["on"])
        self._touch(on, details)
        if isinstance(on, Issue | PullRequest):
            return self._add(IssueComment(**self._base(IssueComment, details, on.home), parent=on))
        if isinstance(on, Discussion):
            return self._add(
                DiscussionComment(**self._base(DiscussionComment, details, on.home), discussion=on)
            )
        if isinstance(on, Gist):
            return self._add(GistComment(**self._base(GistComment, details, None), gist=on))
        raise ActError(f"Nobody can comment on {details['on']}.")

    def _edit(self, details: Details) -> Details:
        item = self._find(details["id"])
        item.body = str(details.get("body", f"{item.body} (edited)"))
        self._touch(item, details)
        self._changed(item)
        return _answer(item)

    def _delete(self, details: Details) -> Details:
        item = self._find(details["id"])
        activity = self._world.activity_of(item)
        activity.remove(item)
        if item.repository is not None:
            overlay = self._world.overlay(item.repository)
            if item in overlay.made:
                overlay.made.remove(item)
            else:
                overlay.deleted.add((item.prefix, item.id))
        self._changed(item)
        return _answer(item)

    def _close_issue(self, details: Details) -> Details:
        return self._set_closed(details, seconds_of(details), str(details.get("reason", "COMPLETED")))

    def _reopen_issue(self, details: Details) -> Details:
        return self._set_closed(details, None, "REOPENED")

    def _set_closed(self, details: Details, closed: int | None, reason: str) -> Details:
        issue = self._find(details["id"])
        if not isinstance(issue, Issue):
            raise ActError(f"{details['id']} is no issue.")
        issue.closed, issue.state_reason = closed, reason
        self._world.overlay(issue.home).closed[issue.id] = closed, reason
        self._touch(issue, details)
        self._changed(issue)
        return _answer(issue)

    def _submit_review(self, details: Details) -> Details:
        request = self._pull_request(details)
        self._touch(request, details)
        base = self._base(Review, details, request.home)
        state = details.get("state", "COMMENTED")
        review = Review(**base, pull_request=request, state=state, oid=request.head_oid)
        answer = self._add(review)
        for number in range(int(details.get("comments", 0))):
            comment = self._base(ReviewComment, details, request.home)
            self._add(ReviewComment(**comment, review=review, path="README.md", line=number + 1))
        return answer

    def _create_gist(self, details: Details) -> Details:
        base = self._base(Gist, details | {"body": details.get("text", "A text\n")}, None)
        return self._add(
            Gist(
                **base,
                name=f"{base['id']:032x}",
                description=details.get("description", "A gist"),
                file_name="text.txt",
                is_public=bool(details.get("public", True)),
            )
        )

    def _publish_release(self, details: Details) -> Details:
        if "id" not in details:
            return self._make_release(details, published=seconds_of(details))
        draft = self._find(details["id"])
        if not isinstance(draft, Release) or draft.published is not None:
            raise ActError(f"{details['id']} is no draft.")
        draft.published = seconds_of(details)
        self._touch(draft, details)
        self._changed(draft)
        return _answer(draft)

    def _make_release(self, details: Details, *, published: int | None) -> Details:
        """GitHub may date one before it was published: when it was drafted, or by its commit."""
        repository = self._repository(details)
        tag = str(details["tag"])
        if repository.git.head is None:
            raise ActError(f"{repository.full_name} is empty.")
        base = self._base(Release, details, repository)
        if "created_at" in details:
            base["created"] = int(moment(str(details["created_at"])).timestamp())
        name = details.get("name", tag)
        return self._add(
            Release(**base, tag_name=tag, name=name, oid=repository.git.head, published=published)
        )

    def _star(self, details: Details) -> Details:
        repository, account = self._repository(details), self._account(details)
        return self._set_star(repository, account, Star(account, repository, seconds_of(details)))

    def _unstar(self, details: Details) -> Details:
        return self._set_star(self._repository(details), self._account(details), None)

    def _set_star(self, repository: Repository, account: Account, star: Star | None) -> Details:
        stars = self._world.activity(repository).stars
        stars[:] = [each for each in stars if each.account is not account]
        if star:
            stars.append(star)
        self._world.overlay(repository).stars[account.id] = star
        self._world.changed(repository)
        return {"id": repository.node_id, "name": repository.full_name}

    def _set_private(self, details: Details, *, is_private: bool) -> Details:
        repository = self._repository(details)
        repository.is_private = is_private
        return self._settled(repository, details)

    def _archive(self, details: Details) -> Details:
        repository = self._repository(details)
        repository.archived_seconds = seconds_of(details)
        return self._settled(repository, details)

    def _rename(self, details: Details) -> Details:
        repository = self._repository(details)
        self._world.catalogue.rename(repository, str(details["to"]))
        return self._settled(repository, details)

    def _transfer(self, details: Details) -> Details:
        repository, login = self._repository(details), str(details["to"])
        catalogue = self._world.catalogue
        owner = catalogue.account_by_login(login) or catalogue.organization_by_login(login)
        if owner is None:
            raise ActError(f"Nobody is called {login}.")
        catalogue.transfer(repository, owner)
        return self._settled(repository, details)

    def _delete_repository(self, details: Details) -> Details:
        repository = self._repository(details)
        repository.is_deleted = True
        return self._settled(repository, details)

    def _change_login(self, details: Details) -> Details:
        account = self._account(details)
        self._world.catalogue.change_login(account, str(details["to"]))
        return {"id": account.node_id, "name": account.login}

    def _link_email(self, details: Details) -> Details:
        account = self._account(details)
        self._world.catalogue.link_email(account, str(details["email"]))
        self._world.derive_again()
        return {"id": account.node_id, "name": account.login}

    def _settled(self, repository: Repository, details: Details) -> Details:
        repository.touched_seconds = seconds_of(details)
        self._world.changed(repository)
        return {"id": repository.node_id, "name": repository.full_name}

    def _base(self, kind: type[Item], details: Details, repository: Repository | None) -> Details:
        self._made += 1
        return {
            "id": numeric_id(kind.prefix, "made", str(self._made)),
            "repository": repository,
            "author": self._account(details),
            "created": seconds_of(details),
            "updated": seconds_of(details),
            "body": str(details.get("body", f"Made by act {self._made}")),
        }

    def _add(self, item: Item) -> Details:
        self._world.activity_of(item).add(item)
        if item.repository is not None:
            self._world.overlay(item.repository).made.append(item)
        self._changed(item)
        return _answer(item)

    def _touch(self, item: Item, details: Details) -> None:
        """Its `updatedAt` is now."""
        item.updated = max(item.updated, seconds_of(details))
        if item.repository is not None:
            self._world.overlay(item.repository).edited[item.prefix, item.id] = item.updated, item.body

    def _changed(self, item: Item) -> None:
        if item.repository is not None:
            self._world.changed(item.repository)
        else:
            self._world.catalogue.changed()

    def _find(self, node_id: str) -> Item:
        parsed = parse_node_id(str(node_id))
        item = self._world.item(parsed.prefix, parsed.database_id) if parsed else None
        if item is None:
            raise ActError(f"Nothing has the id {node_id}.")
        return item

    def _commit(self, details: Details) -> tuple[Repository, str] | None:
        """What `on` names, if that is a commit."""
        parsed = parse_node_id(str(details["on"]))
        if parsed is None or parsed.prefix != "C":
            return None
        repository = self._world.catalogue.repository_by_id(parsed.database_id)
        if repository is None or repository.git.commit(parsed.rest) is None:
            raise ActError(f"Nothing has the id {details['on']}.")
        return repository, parsed.rest

    def _pull_request(self, details: Details) -> PullRequest:
        if "on" in details:
            found: Item | None = self._find(details["on"])
        else:
            requests = self._world.activity(self._repository(details)).pull_requests
            found = requests[-1] if requests else None
        if not isinstance(found, PullRequest):
            raise ActError("There is no such pull request.")
        return found

    def _repository(self, details: Details) -> Repository:
        wanted = details.get("repository")
        for repository in self._world.catalogue.repositories:
            if not repository.is_gone and wanted in (None, repository.name, repository.full_name):
                return repository
        raise ActError(f"There is no repository {wanted}.")

    def _account(self, details: Details) -> Account:
        login = details.get("login")
        found = self._world.catalogue.account_by_login(login) if login else self._world.catalogue.member
        if found is None:
            raise ActError(f"Nobody is called {login}.")
        return found

    def _next_number(self, repository: Repository) -> int:
        activity = self._world.activity(repository)
        numbered: list[Issue | PullRequest | Discussion] = [
            *activity.issues,
            *activity.pull_requests,
            *activity.discussions,
        ]
        return max((item.number for item in numbered), default=0) + 1


def seconds_of(details: Details) -> int:
    at = details.get("at")
    return int((moment(str(at)) if at else datetime.now(UTC)).timestamp())


def _answer(item: Item) -> Details:
    names = {name: getattr(item, name) for name in ("number", "name") if hasattr(item, name)}
    return {"id": item.node_id, **names}
