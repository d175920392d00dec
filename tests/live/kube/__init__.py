"""A real Kubernetes API server with the real controllers of Deployments and of Argo Rollouts, and no nodes."""
