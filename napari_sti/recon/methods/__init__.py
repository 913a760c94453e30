"""One file, one method; the registry finds them."""
