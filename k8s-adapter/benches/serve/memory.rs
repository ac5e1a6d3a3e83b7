//! What a client costs that is there and asks nothing.

use crate::{
    Outcome,
    connection::{Connection, Protocol},
    process::{Process, Role},
    scene::Scene,
};

/// Below the server's limit of connections.
const CONNECTIONS: u64 = 1_000;

/// Connections that have asked once, of a server that was started for them.
pub(crate) async fn of_idle_connections(scene: &Scene) -> Outcome<()> {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let server = Process::start(Role::Ours, scene).await?;
        let before = server.resident()?;
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut connection = Connection::open(scene, server.address(), protocol).await?;
            connection.begin();
            connection.answered().await?;
            connections.push(connection);
        }
        let each = (server.resident()? - before) as f64 / CONNECTIONS as f64;
        println!("an idle connection, {protocol:?}         {each:8.1}");
    }
    Ok(())
}
