//! The socket itself.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

use super::perform::Performer;
use super::request::{Request, Response};

/// The socket's name in the data folder.
pub const FILE: &str = "control.sock";
/// A request is no longer than this, in octets.
const REQUEST_MAX: u64 = 1 << 20;
/// A request must have come within this.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

/// Listens in the data folder until `stop`, then removes the socket. The folder's lock is held, so a socket that is there
/// already is left over.
pub async fn serve(data_dir: &Path, performer: Performer, stop: CancellationToken) -> io::Result<()> {
    let path = data_dir.join(FILE);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let performer = performer.clone();
                        tokio::spawn(async move {
                            if let Err(error) = converse(stream, performer).await {
                                tracing::debug!(%error, "a control connection ended early");
                            }
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a control connection could not be taken");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                () = stop.cancelled() => break,
            }
        }
        let _ = std::fs::remove_file(path);
    });
    Ok(())
}

async fn converse(stream: UnixStream, performer: Performer) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut read = BufReader::new(read.take(REQUEST_MAX));
    tokio::time::timeout(REQUEST_TIME_MAX, read.read_line(&mut line)).await??;
    let response = match serde_json::from_str::<Request>(&line) {
        Ok(request) => performer.perform(request).await,
        Err(error) => {
            Response::failed(format!("the relay does not know this request ({error}); is it of another version?"))
        }
    };
    let mut text = serde_json::to_string(&response)?;
    text.push('\n');
    write.write_all(text.as_bytes()).await
}

/// Asks the relay that runs on this data folder. `None` when none does.
pub async fn ask(data_dir: &Path, request: &Request) -> io::Result<Option<Response>> {
    let stream = match UnixStream::connect(data_dir.join(FILE)).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let (read, mut write) = stream.into_split();
    let mut text = serde_json::to_string(request)?;
    text.push('\n');
    write.write_all(text.as_bytes()).await?;
    let mut line = String::new();
    BufReader::new(read).read_line(&mut line).await?;
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the relay closed the connection without an answer"));
    }
    Ok(Some(serde_json::from_str(&line)?))
}
