-- What can be done with jobs? Nothing is called for this: the catalog knows.
SHOW METHODS IN google.ml.projects.jobs;
