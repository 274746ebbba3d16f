"""Where tables come from: bar files, exchange downloads, a synthetic market; and what they are worth."""
