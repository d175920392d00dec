"""Screens that open over the war room: the decision card and smaller questions.

They answer and never act.
"""
