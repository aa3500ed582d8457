"""The change watch: has the rate at which experts change the machine's statements risen above its reference?"""
