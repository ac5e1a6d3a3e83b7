//! A Kubernetes control plane, the agent and a simulated Datadog as children of a test.
//!
//! Each is a value: it runs while the value lives, stops when the value is dropped, and
//! shows the end of its log when the test is failing. There are no nodes, so pods stay
//! Pending; the controllers and the API server are the real ones.
//!
//! With `KEEP` set in the environment the folder of a test that passed is kept as well.

mod agent;
mod aggregation;
mod binaries;
mod certificates;
mod cluster;
mod control_plane;
mod credentials;
mod datadog;
mod eventually;
mod example;
mod folder;
mod http;
mod kubeconfig;
mod kubectl;
mod layout;
mod link;
mod ports;
mod process;
mod readers;
mod scene;
mod service;
mod skew;
mod stand_in;
mod truth;

pub(crate) use agent::Agent;
pub(crate) use aggregation::Verified;
pub(crate) use certificates::Authority;
pub(crate) use cluster::{Cluster, NGINX, QUICK, requests};
pub(crate) use control_plane::ControlPlane;
pub(crate) use datadog::Datadog;
pub(crate) use eventually::{eventually, is, seconds};
pub(crate) use example::{Example, workspace};
pub(crate) use folder::Folder;
pub(crate) use link::Link;
use ports::free_ports;
pub(crate) use process::alive;
use readers::Readers;
pub(crate) use scene::Scene;
use service::Service;
pub(crate) use skew::Skew;
pub(crate) use stand_in::stand_in;
pub(crate) use truth::{SWIFT, Truth};
