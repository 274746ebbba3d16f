"""What became of each signal: the only part of this market that reads what came after a decision."""
