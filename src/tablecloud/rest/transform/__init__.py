"""What documents prescribe between SQL values and the wire: pure functions over bytes and JSON values."""
