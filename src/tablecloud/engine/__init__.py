"""Floor 3: plan to rows."""
