"""Batch prediction: records in, a model asked in worker processes, shards of predictions out."""
