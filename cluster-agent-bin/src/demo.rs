//! The whole journey on one machine: autoscalers from manifest files, a simulated
//! Datadog on a socket of its own, the real server, and the autoscalers' rule applied
//! to simulated Deployments.

mod access;
mod actor;
mod deployment;
mod manifests;
mod moment;
mod picture;
mod plain;
mod scene;
mod traffic;
mod view;

pub(crate) use self::{
    access::{DemoReader, DemoToken},
    actor::Actor,
    manifests::Manifests,
    moment::{Moment, Opening},
    scene::Scene,
    traffic::traffic_for,
    view::View,
};
