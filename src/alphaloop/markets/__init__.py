"""One folder per market, each a slice built from the kernel and independent of the others; `catalog` finds them."""
