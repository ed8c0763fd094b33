//! A host that only counts who asks it for anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// What the relay itself asks of its tracking host, to see whether it answers.
const OWN_LOOK: &[u8] = b"GET /healthz ";

/// Its address, and how many have connected, said something or not. The relay's own look at its tracking host is taken
/// off again.
pub async fn doorbell() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (site, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut start = [0; OWN_LOOK.len()];
                if socket.read_exact(&mut start).await.is_ok() && start == OWN_LOOK {
                    count.fetch_sub(1, Ordering::SeqCst);
                }
            });
        }
    });
    (site, asked)
}
