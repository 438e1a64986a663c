"""One pass, the whole way from the seeds to out/: the order of the stages, and what joins them."""
