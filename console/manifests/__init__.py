"""Make a plan from the manifest of a Rollout, Canary or Deployment.

A manifest is data: it is read, never executed. A part that a plan cannot express becomes a comment in the plan.
Importing this package imports nothing; `console.manifests.origin` imports the YAML library.
"""
