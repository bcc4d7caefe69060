"""The web page of the job service: jobs, their states over time, their logs as they grow, their trials."""
