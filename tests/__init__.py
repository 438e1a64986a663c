"""The tests; `tests.support.site` is what most of them begin with."""
