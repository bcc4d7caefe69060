"""Floor 2: where credentials come from, and how a request is signed."""
