"""Proofs on events: change what happens after a signal, and look for a changed past."""
