"""Built-in algorithms: in-house trainers for jobs that name one of Google's training images."""
