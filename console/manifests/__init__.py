"""Make a plan from deployment manifests: Argo Rollouts, Flagger Canaries, plain Deployments, and their checks.

A manifest is data: it is read, never executed. A part that a plan cannot express becomes a comment in the plan.
Importing this package imports nothing; `console.manifests.origin` imports the YAML library.
"""
