"""What differs between runs, and is it real?"""
