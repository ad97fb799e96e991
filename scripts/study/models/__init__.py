"""Which network, and what does it answer?"""
