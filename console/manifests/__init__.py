"""Deployment manifests turned into a plan: Argo Rollouts, Flagger Canaries, plain Deployments, and their checks.

A manifest is data: it is read, never executed, and what cannot be said in a plan stays in it as a comment. Importing
this package imports nothing; `console.manifests.origin` brings YAML with it.
"""
