"""A small real trainer: a random forest that learns handwritten digits."""
