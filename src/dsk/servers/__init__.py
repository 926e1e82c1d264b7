"""Reaching the servers, and asking them what they are and have."""
