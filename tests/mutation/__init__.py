"""Mutants: does some test fail for each small change of the code that matters most?"""
