"""The ml v1 job service. Runs alone; imports nothing of the SQL engine."""
