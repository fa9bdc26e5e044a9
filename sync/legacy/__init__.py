"""The app before this one: its file of a member, its members, its project. Read once, never written."""
