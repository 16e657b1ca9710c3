//! Serving HTTP/1.1: connections that dawdle are let go, and a stop lets every request under way
//! finish.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A connection that does not bring a whole head in this time is closed; one that is idle between
/// two requests too.
const HEAD_WITHIN: Duration = Duration::from_mins(1);
/// The longest head (bytes): every signed header, several times over.
const HEAD: usize = 32 * 1024;
/// After a failed `accept` (out of file descriptors) others get time to close.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then until every request under way is answered, and so every group that
/// one waits for is committed.
pub async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) {
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => talk(stream, peer, routes.clone(), &connections),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

fn talk(stream: TcpStream, peer: SocketAddr, routes: Router, connections: &GracefulShutdown) {
    // Answers are small and waited for.
    drop(stream.set_nodelay(true));
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        tower::Service::call(&mut routes.clone(), request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection broke");
        }
    });
}
