//! Tests with a real control plane: etcd, kube-apiserver, kube-controller-manager and kubectl
//! (see `support`). Plain `cargo test` leaves them out, since it needs only Rust; run them by
//!
//! ```text
//! cargo test -p cluster-agent-bin --test cluster -- --ignored
//! ```

mod access;
mod autoscalers;
mod clocks;
mod custom;
mod datadog_metrics;
mod fail_over;
mod guide;
mod harness;
mod hpas;
mod journey;
mod kept;
mod leaving;
mod outages;
mod renewal;
mod replicas;
mod schema;
mod support;
mod trouble;
mod trust;
