"""Studies and their trials: black-box optimisation as a service, for trials that clients run themselves."""
