"""What did one run leave, and how good is it?"""
