"""Floor 2: text to plan. Pure and synchronous; knows no network."""
