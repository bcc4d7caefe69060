"""Floor 1: what the clouds offer, as data. Reads files; knows no network and no SQL."""
