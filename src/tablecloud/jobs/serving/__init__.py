"""Models at work: worker processes that load them, the pool that keeps the workers, explanations."""
