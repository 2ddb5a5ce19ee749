"""A long run of clients that behave badly: memory stays flat, no bug shows, nothing is lost."""
