"""Screens over the war room: the decision card, smaller questions and pages. They answer and never act."""
