"""The JSON of REST's things, with GitHub's keys."""

from typing import Any

from sandbox.github.gitlog import Commit, Signature
from sandbox.github.hosted import Organization, Owner, Repository
from sandbox.github.ids import NodeId
from sandbox.github.items import Gist
from sandbox.github.paging import iso
from sandbox.github.reading import Reading
from sandbox.github.resolve_repositories import RepositoryNode


def user_shape(reading: Reading, account: Owner) -> dict[str, Any]:
    api = f"{reading.web_url}/users/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": account.node_id,
        "avatar_url": f"{reading.web_url}/avatars/{account.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{reading.web_url}/{account.login}",
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": "Organization" if isinstance(account, Organization) else "User",
        "site_admin": False,
        "user_view_type": "public",
    }


def own_user_shape(reading: Reading) -> dict[str, Any]:
    account = reading.account
    own = [each for each in reading.catalogue.repositories if each.owner is account and not each.is_gone]
    private = sum(each.is_private for each in own)
    gists: list[Gist] = list(reading.world.own(account, "gists", "created").items)
    public_gists = sum(gist.is_public for gist in gists)
    shape = user_shape(reading, account) | {
        "name": account.name,
        "company": account.profile.company,
        "blog": account.profile.website_url or "",
        "location": account.profile.location,
        "email": None,
        "notification_email": None,
        "hireable": None,
        "bio": account.profile.bio,
        "twitter_username": account.profile.twitter_username,
        "public_repos": len(own) - private,
        "public_gists": public_gists,
        "followers": len(reading.catalogue.followers_of(account)),
        "following": len(account.follows),
        "created_at": iso(account.created_seconds),
        "updated_at": iso(account.created_seconds),
    }
    if reading.scopes & {"user", "read:user"}:
        shape |= {
            "private_gists": len(gists) - public_gists,
            "total_private_repos": private,
            "owned_private_repos": private,
            "disk_usage": sum(each.git.disk_usage() for each in own),
            "collaborators": 0,
            "two_factor_authentication": False,
        }
    return shape


def repository_shape(reading: Reading, repository: Repository) -> dict[str, Any]:
    node = RepositoryNode(reading, repository)
    affiliation = repository.affiliation(reading.account)
    return {
        "id": repository.id,
        "node_id": repository.node_id,
        "name": repository.name,
        "full_name": repository.full_name,
        "owner": user_shape(reading, repository.owner),
        "private": repository.is_private,
        "html_url": node.url,
        "description": node.description,
        "fork": node.is_fork,
        "url": f"{reading.web_url}/repos/{repository.full_name}",
        "created_at": node.created_at,
        "updated_at": node.updated_at,
        "pushed_at": node.pushed_at,
        "homepage": None,
        "size": repository.git.disk_usage(),
        "stargazers_count": node.stargazer_count,
        "watchers_count": node.stargazer_count,
        "language": node.primary_language.name if node.primary_language else None,
        "forks_count": node.fork_count,
        "open_issues_count": sum(issue.closed is None for issue in reading.world.activity(repository).issues),
        "default_branch": repository.git.branch,
        "archived": node.is_archived,
        "disabled": False,
        "visibility": node.visibility.lower(),
        "is_template": False,
        "topics": [],
        "license": None,
        "permissions": {
            "admin": affiliation == "OWNER",
            "maintain": affiliation == "OWNER",
            "push": affiliation is not None,
            "triage": affiliation is not None,
            "pull": True,
        },
        "allow_forking": True,
        "has_issues": True,
        "has_projects": False,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": True,
    }


def commit_shape(reading: Reading, repository: Repository, commit: Commit) -> dict[str, Any]:
    api = f"{reading.web_url}/repos/{repository.full_name}"
    web = f"{reading.web_url}/{repository.full_name}/commit"
    return {
        "sha": commit.oid,
        "node_id": str(NodeId("C", repository.id, commit.oid)),
        "commit": {
            "author": _signature_shape(commit.author),
            "committer": _signature_shape(commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
            "url": f"{api}/git/commits/{commit.oid}",
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "url": f"{api}/commits/{commit.oid}",
        "html_url": f"{web}/{commit.oid}",
        "comments_url": f"{api}/commits/{commit.oid}/comments",
        "author": _linked_user(reading, commit.author),
        "committer": _linked_user(reading, commit.committer),
        "parents": [
            {"sha": oid, "url": f"{api}/commits/{oid}", "html_url": f"{web}/{oid}"} for oid in commit.parents
        ],
    }


def _signature_shape(signature: Signature) -> dict[str, str]:
    return {"name": signature.name, "email": signature.email, "date": signature.utc}


def _linked_user(reading: Reading, signature: Signature) -> dict[str, Any] | None:
    account = reading.catalogue.account_by_email(signature.email)
    return user_shape(reading, account) if account else None
