"""One reader a document format; each turns a document into a `Service`."""
