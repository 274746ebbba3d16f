"""A market of agents that makes the chain's own records: launches with planted skill and risk, regenerable by seed."""
