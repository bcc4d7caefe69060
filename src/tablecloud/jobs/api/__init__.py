"""The HTTP face of the job service: routes, validation, policies."""
