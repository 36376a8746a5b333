"""What earlier releases wrote opens, answers and is cited as it was then."""
