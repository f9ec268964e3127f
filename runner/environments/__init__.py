"""Environments: what differs between versions and targets, and how published data get from one to another."""
