"""HBase as a source: scans over Thrift that survive lost servers, cells decoded a column at a time."""
