"""GPS tracks from the member's repositories: found, asked about, read, and written as files of their own.

The pure rules are in `sync.tracks`; what joins them to runs, tables and pages is here. It goes one way, as
for records: `finding` (trees) -> the member's answer -> `reading` (files) -> staged -> `composing` (files).
"""
