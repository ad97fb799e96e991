"""What does the user ask for?"""
