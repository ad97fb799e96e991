"""Which images stay hard?"""
