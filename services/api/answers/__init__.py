"""What is asked and what is answered, as values and documents, without HTTP."""
