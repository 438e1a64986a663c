"""Which items each feed holds, and why. Everything in here is pure: no files, no clock."""
