"""Floor 2: one method call as HTTP. Generators without sockets, and one transport that has them."""
