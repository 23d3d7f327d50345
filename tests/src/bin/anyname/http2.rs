//! HTTP/2 (RFC 9113).

use anyhow::Result;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::dns::Names;
use crate::report::Ends;
use crate::web::{Request, answer};

/// Serves a connection until the client closes it.
pub(crate) async fn serve(
    names: Names,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    ends: Ends,
) -> Result<()> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, respond) = request?;
        let names = names.clone();
        tokio::spawn(async move {
            if let Err(error) = respond_to(names, request, respond, ends).await {
                eprintln!("HTTP/2: {error:#}");
            }
        });
    }
    Ok(())
}

async fn respond_to(
    names: Names,
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    ends: Ends,
) -> Result<()> {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(part) = stream.data().await {
        let part = part?;
        stream.flow_control().release_capacity(part.len())?;
        body.extend(part);
    }
    let request = Request {
        version: "2",
        over: "tls",
        method: head.method.as_str(),
        authority: head.uri.authority().map(http::uri::Authority::as_str),
        target: head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str),
        body: &body,
    };
    let answer = answer(&names, &request, ends);
    let head = http::Response::builder().header("content-type", answer.kind).body(())?;
    let mut stream = respond.send_response(head, false)?;
    stream.send_data(answer.body.into(), true)?;
    Ok(())
}
