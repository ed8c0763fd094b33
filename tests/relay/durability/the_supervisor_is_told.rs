//! The supervisor hears when the relay is ready and when it stops; a HUP ends nothing, and says what a changed configuration
//! would need.

use std::os::unix::net::UnixDatagram;

use crate::harness::{Config, PATIENCE, Relay, wait_until};

#[tokio::test]
async fn the_supervisor_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify.sock");
    let supervisor = UnixDatagram::bind(&socket).unwrap();
    supervisor.set_read_timeout(Some(PATIENCE)).unwrap();
    let hears = |word: &str| {
        let mut told = [0; 64];
        let length = supervisor.recv(&mut told).expect("the relay says something");
        assert_eq!(String::from_utf8_lossy(&told[..length]), word);
    };
    let environment = [("NOTIFY_SOCKET", socket.to_str().unwrap())];
    let mut relay = Relay::start_in(folder, Config::new(), &environment).await;
    hears("READY=1");

    relay.hang_up();
    wait_until("nothing changed", PATIENCE, async || relay.log().contains("configuration is unchanged")).await;
    let text = std::fs::read_to_string(relay.config_file()).unwrap();
    std::fs::write(relay.config_file(), format!("node = 7\n{text}")).unwrap();
    relay.hang_up();
    wait_until("a change is named", PATIENCE, async || relay.log().contains("sections=\"node\"")).await;
    std::fs::write(relay.config_file(), "hostnam = 1\n").unwrap();
    relay.hang_up();
    wait_until("a wrong key is named", PATIENCE, async || relay.log().contains("hostnam")).await;
    std::fs::write(relay.config_file(), text).unwrap();
    let mail = "From: a@own.example\r\nSubject: x\r\n\r\nx\r\n";
    assert_eq!(relay.submit("a@own.example", &["ok@b.example"], mail).await.code, 250);
    relay.stop().await;
    hears("STOPPING=1");
    relay.finish().await;
}
