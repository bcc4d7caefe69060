"""Hyperparameter tuning: search spaces, algorithms, metrics, and the controller that runs a job's trials."""
