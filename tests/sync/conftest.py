from tests.sync.broker import sent

__all__ = ["sent"]
