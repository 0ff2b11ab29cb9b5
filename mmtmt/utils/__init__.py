"""Helpers without a home of their own; importing this package imports nothing."""
