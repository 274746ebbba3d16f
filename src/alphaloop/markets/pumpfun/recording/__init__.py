"""Raw event records on disk: a write-ahead log, sealed into Parquet segments, and read in the order of arrival."""
