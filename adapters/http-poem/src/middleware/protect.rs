//! A request that has arrived keeps its connection.

use std::sync::Arc;

use poem::{Endpoint, Request, Result};

use crate::connections::Connections;

/// Protects the connection of a request from being closed in favour of others. The request must have arrived in full: nobody
/// holds a place with half a body.
pub(crate) async fn protect<E: Endpoint>(
    next: Arc<E>,
    request: Request,
    connections: Connections,
) -> Result<E::Output> {
    let _handling = connections.handling(request.local_addr());
    next.call(request).await
}
