//! Whatever looks like an end of DATA and is none: a second mail behind it stays text of the first, or the whole is refused,
//! and no receiver ever sees a bare CR, LF or NUL.

use crate::harness::{Client, Config, Mail, Sink};

const SMUGGLED: &str = "MAIL FROM:<evil@own.example>\r\nRCPT TO:<ok-evil@b.example>\r\nDATA\r\n\
    From: evil@own.example\r\n\r\nsmuggled";

/// Each with the code for a message that holds it.
const FALSE_ENDS: [(&[u8], u16); 14] = [
    (b"\n.\n", 250),
    (b"\n.\r\n", 250),
    (b"\r\n.\n", 250),
    (b"\n\n.\n\n", 250),
    (b"\r.\r", 554),
    (b"\r.\r\n", 554),
    (b"\r.\n", 554),
    (b"\n.\r", 554),
    (b"\r\n.\r", 554),
    (b"\r\r\n.\r\r\n", 554),
    (b"\r\n\0.\r\n", 554),
    (b"\r\n.\0\r\n", 554),
    (b"\r\n.\r\0\n", 554),
    (b"\0\r\n\0.\0\r\n", 554),
];

#[tokio::test]
async fn no_false_end_smuggles_a_mail() {
    let sink = Sink::start().await.unwrap();
    let mut relay = Config::smarthost(sink.address()).start().await;
    let login = relay.login().await;
    let mut client = Client::logged_in(relay.submission(), &login).await;
    let mut taken = 0;
    for (end, code) in FALSE_ENDS {
        for split in [false, true] {
            client.expect("MAIL FROM:<a@own.example>", 250).await;
            client.expect("RCPT TO:<ok-1@b.example>", 250).await;
            client.expect("DATA", 354).await;
            let (before, after) = (b"From: a@own.example\r\n\r\nfirst", format!("{SMUGGLED}\r\n.\r\n"));
            if split {
                client.write(before).await;
                for octet in end {
                    client.write(&[*octet]).await;
                    // Long enough that it mostly travels alone.
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
                client.write(after.as_bytes()).await;
            } else {
                client.write(&[before, end, after.as_bytes()].concat()).await;
            }
            let reply = client.reply().await;
            assert_eq!(reply.code, code, "{}: {reply:?}", end.escape_ascii());
            // No reply to anything that was smuggled stands before this one.
            client.expect("NOOP", 250).await;
            taken += u64::from(code == 250);
        }
    }
    client.quit().await;

    let copies = sink.wait_for(taken).await.unwrap();
    relay.wait_idle().await;
    assert_eq!((copies.len() as u64, sink.tally().mails), (taken, taken));
    for copy in copies {
        assert_eq!(
            (copy.rcpt_to.as_slice(), copy.mail_from.as_str()),
            (&["ok-1@b.example".to_owned()][..], "a@own.example")
        );
        let text = copy.text();
        let bare = text.replace("\r\n", "");
        assert!(!bare.contains(['\r', '\n', '\0']), "{}", copy.bytes.escape_ascii());
        assert!(Mail::read(&copy.bytes).text().ends_with("smuggled\r\n"), "{text}");
    }
    relay.finish().await;
}
