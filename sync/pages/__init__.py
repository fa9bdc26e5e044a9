"""What members see: facts read for a page, and their shape. The routes are in `sync.urls`."""
