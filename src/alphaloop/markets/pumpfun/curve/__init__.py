"""The bonding curve's arithmetic, in integers, exact to the lamport and to the base unit."""
