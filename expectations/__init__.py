"""Suites of expectations, the custom expectations, and the reports that say what is wrong."""
