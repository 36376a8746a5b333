"""Tests, as one package so that they share builders and servers."""
