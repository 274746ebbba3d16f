"""The trader: scored signals in, journalled decisions and proved transactions out."""
