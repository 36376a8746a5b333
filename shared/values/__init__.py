"""Values from outside: which texts, objects and decimals are taken, and how any value is told."""
