"""The queries a collector sends, as short as they can be for testing."""

HISTORY = """
query Page($repository: ID!, $head: GitObjectID!, $n: Int!, $after: String, $author: CommitAuthor,
    $since: GitTimestamp, $until: GitTimestamp, $path: String) {
  node(id: $repository) { ... on Repository { object(oid: $head) { ... on Commit {
    history(first: $n, after: $after, author: $author, since: $since, until: $until, path: $path) {
      totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      edges { cursor node { oid message messageHeadline messageBody authoredDate committedDate
        additions deletions changedFilesIfAvailable parents { totalCount }
        author { name email date user { id login } } committer { name email date } } }
    } } } } }
  rateLimit { cost nodeCount limit remaining used resetAt }
}
"""

WINDOW = """
query Window($from: DateTime, $to: DateTime) { viewer { contributionsCollection(from: $from, to: $to) {
  startedAt endedAt contributionYears hasAnyContributions restrictedContributionsCount
  hasAnyRestrictedContributions totalCommitContributions totalRepositoryContributions
  totalRepositoriesWithContributedCommits totalIssueContributions totalPullRequestContributions
  totalPullRequestReviewContributions
  contributionCalendar { totalContributions weeks { firstDay
    contributionDays { date weekday contributionCount contributionLevel } } }
  commitContributionsByRepository(maxRepositories: 100) { repository { id name }
    contributions(first: 100, orderBy: {field: OCCURRED_AT, direction: ASC}) {
      totalCount nodes { occurredAt commitCount } } }
} } }
"""

REPOSITORIES = """
query Repositories($n: Int!, $after: String) { viewer { repositories(first: $n, after: $after,
    ownerAffiliations: [OWNER, COLLABORATOR, ORGANIZATION_MEMBER],
    orderBy: {field: NAME, direction: ASC}) {
  totalCount pageInfo { hasNextPage endCursor }
  nodes { id databaseId nameWithOwner isPrivate isEmpty visibility pushedAt viewerPermission
    owner { __typename login id } defaultBranchRef { name prefix target { __typename oid } } } } } }
"""

COST = "rateLimit { cost nodeCount }"
