//! A proxy that makes connections to a server hang.

use std::time::Duration;

use central_oauth_store_seaorm::PoolSettings;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Settings that detect a hanging connection soon, but allow a busy machine enough time to connect.
pub(super) const HURRIED: PoolSettings = PoolSettings {
    max_connections: 4,
    connect_timeout: Duration::from_secs(15),
    statement_timeout: Duration::from_secs(3),
};

/// Starts a proxy to the server. Returns its port and a switch that blocks it. While the proxy is blocked, it accepts
/// connections and forwards nothing.
pub(super) async fn way_to(port: u16) -> (u16, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let (block, blocked) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut blocked = blocked.clone();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let is_blocked = async {
                    let _ = blocked.wait_for(|blocked| *blocked).await;
                };
                tokio::select! {
                    _ = copy_bidirectional(&mut client, &mut server) => return,
                    () = is_blocked => {}
                }
                // Open connections stay open, and hang, until the end of the test.
                std::future::pending::<()>().await;
            });
        }
    });
    (own, block)
}
