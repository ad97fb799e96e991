"""Is it what it says, here and elsewhere?"""
