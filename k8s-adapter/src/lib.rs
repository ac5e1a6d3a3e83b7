//! k8s-adapter
