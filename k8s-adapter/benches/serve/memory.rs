//! What a client costs that is there and asks nothing.

use crate::{
    Outcome,
    connection::{Connection, Protocol},
    cores::Cores,
    process::{Process, Role},
    scene::Scene,
};

/// Below the server's limit of connections.
const CONNECTIONS: u64 = 1_000;

/// Connections that have asked once, each kind of a server that was started for it.
pub(crate) async fn of_idle_connections(scene: &Scene, cores: &Cores) -> Outcome<()> {
    for (protocol, role) in [
        (Protocol::Http1, Role::Floor),
        (Protocol::Http1, Role::Ours),
        (Protocol::Http2, Role::Floor),
        (Protocol::Http2, Role::Ours),
    ] {
        let server = Process::start(role, cores, scene).await?;
        let before = server.resident()?;
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut connection = Connection::open(scene, server.address(), protocol).await?;
            connection.begin();
            connection.answered().await?;
            connections.push(connection);
        }
        let each = server.resident()?.saturating_sub(before) as f64 / CONNECTIONS as f64;
        let name = format!("idle connection, {protocol:?}, {role:?}").to_lowercase();
        println!("{name:34}{each:8.1}");
    }
    Ok(())
}
