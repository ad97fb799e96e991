"""Which images are there, and in which part?"""
