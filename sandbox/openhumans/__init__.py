"""A stand-in for Open Humans: OAuth pages, the direct-sharing API, storage, messages, the webhook."""
