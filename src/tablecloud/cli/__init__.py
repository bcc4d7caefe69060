"""Floor 6: the command line. Imports inside functions, so that start-up stays short."""
