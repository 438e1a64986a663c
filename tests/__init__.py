"""The tests; `tests.site` is what most of them begin with."""
