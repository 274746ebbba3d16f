"""Trades as signed bytes: addresses, instructions, envelopes and bundles, made without asking a server."""
