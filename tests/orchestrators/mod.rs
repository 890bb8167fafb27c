//! Orchestrators that rely on `rinit health`: Swarm, Compose, and what can be said of Kubernetes without a cluster.

mod compose;
mod manifests;
mod swarm;
