"""Models and their versions: what they are, where they are kept, how a version comes to be."""
