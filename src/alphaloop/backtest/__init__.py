"""History through the engine: source, engine, paper venue and a stepped clock."""
