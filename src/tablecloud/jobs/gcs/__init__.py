"""The storage face of the job service: a small Cloud Storage JSON API over the folders of `storage`."""
