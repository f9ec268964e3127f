"""What an engineer asks the stores directly: aggregations of MongoDB, scans of HBase, each with its plan."""
