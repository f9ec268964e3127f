"""MongoDB as a Spark data source: planned by `_id` ranges, read as raw BSON, decoded a batch at a time."""
