//! A real small file system as data folder, filled to its last byte: mail is refused with 452, deliveries under way are
//! settled, clicks are redirected; when room comes back, mail is taken again, and nothing was lost.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::harness::{Config, Mail, Relay, Request, Sink, as_root, own_uid, wait_until};

const MAIL: &str = "From: a@own.example\r\nSubject: x\r\nX-Postrider-Campaign: full\r\nContent-Type: text/html\r\n\r\n\
                    <html><body><a href=\"https://a.example/target\">x</a></body></html>\r\n";

/// A file system in memory, gone when it is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path, size: &str) -> Self {
        std::fs::create_dir_all(path).unwrap();
        let mut mount = as_root("mount");
        let options = format!("size={size},mode=700,uid={}", own_uid());
        mount.args(["-t", "tmpfs", "-o", &options, "postrider-test"]).arg(path);
        let done = mount.output().expect("mount is there");
        let why = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "this scenario mounts a tmpfs, which needs root or sudo: {why}");
        Self(path.to_owned())
    }

    /// Writes a file until nothing more goes in.
    fn fill(&self) {
        use std::io::Write as _;
        let mut file = std::fs::File::options().create(true).append(true).open(self.0.join("filler")).unwrap();
        let block = vec![0x55; 1 << 16];
        while file.write_all(&block).is_ok() {}
        while file.write_all(&block[..512]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = as_root("umount").arg("-l").arg(&self.0).status();
        let _ = self.0.parent().map(std::fs::remove_dir_all);
    }
}

#[tokio::test]
async fn a_full_disk_refuses_mail_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(&folder.path().join("data"), "192m");
    let sink = Sink::start().await.unwrap();
    let mut relay =
        Relay::start_in(folder, Config::smarthost(sink.address()).set("delivery.retry", vec!["4s"]), &[]).await;
    assert_eq!(relay.submit("a@own.example", &["ok-1@b.example"], MAIL).await.code, 250);
    relay.campaign_with("full", "/delivered", 1).await;
    // Deferred once, so that it is settled while the disk is full.
    for n in 0..20 {
        assert_eq!(relay.submit("a@own.example", &[&format!("twice-{n}@b.example")], MAIL).await.code, 250);
    }
    wait_until("the ballast is there", Duration::from_secs(10), async || disk.0.join("ballast").exists()).await;

    let arrived = sink.received_by("ok-1@b.example");
    let mail = Mail::read(&arrived[0].bytes);
    let (link, pixel) = (mail.tracked_links().remove(0), mail.pixel().unwrap());
    // The second time also what the ballast gave back is gone.
    for _ in 0..2 {
        disk.fill();
        wait_until("the ballast is let go", Duration::from_secs(10), async || !disk.0.join("ballast").exists()).await;
        let refused = relay.submit("a@own.example", &["ok-2@b.example"], MAIL).await;
        assert_eq!(refused.code, 452, "{refused:?}");
        assert!(refused.text().contains("4.3.1"), "{refused:?}");
        assert_eq!(relay.http(&Request::get("/readyz")).await.status, 503);
        let clicked = relay.follow(&link).await;
        assert_eq!((clicked.status, clicked.header("Location")), (302, Some("https://a.example/target")));
        assert_eq!(relay.follow(&pixel).await.status, 200);
        relay.campaign_with("full", "/delivered", 21).await;
    }

    disk.free();
    wait_until("there is room", Duration::from_secs(10), async || {
        relay.http(&Request::get("/readyz")).await.status == 200
    })
    .await;
    assert_eq!(relay.submit("a@own.example", &["ok-3@b.example"], MAIL).await.code, 250);
    let counted = relay.campaign_with("full", "/delivered", 22).await;
    assert_eq!(counted["recipients"], 22);
    wait_until("the ballast is made again", Duration::from_secs(10), async || disk.0.join("ballast").exists()).await;
    relay.finish().await;
}
