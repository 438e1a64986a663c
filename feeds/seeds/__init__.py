"""Reads folders of seed files into validated items: scan, front matter, schema."""

# Raise it whenever the same bytes would give another item or other problems.
PARSER_VERSION = 6
# Raise it with what goes into the reader digest, whose first byte it is.
READER_VERSION = 1
# From so many seeds on processes read them: a worker takes about 150 ms to start.
WORTH_PROCESSES = 600
