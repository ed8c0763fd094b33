//! A setting of tracking that is another after a restart is marked on the curves of the campaigns that run across it.

use crate::harness::{Config, Request};

#[tokio::test]
async fn a_setting_that_changed_is_marked() {
    let mut relay = Config::new().set("tracking.text_links", false).start().await;
    let mail = "From: a@own.example\r\nX-Postrider-Campaign: across\r\nContent-Type: text/html\r\n\r\n\
                <a href=\"https://shop.example/\">Shop</a>\r\n";
    assert_eq!(relay.submit("a@own.example", &["b@b.example"], mail).await.code, 250);
    relay.wait_idle().await;
    let cookie = relay.sign_in().await;
    let get = async |relay: &crate::harness::Relay, path: &str| {
        relay.http(&Request::get(path).header("Cookie", &cookie)).await.text()
    };
    let list = get(&relay, "/campaigns?mode=sandbox").await;
    let path = format!("/campaigns/{}", list.split("\"/campaigns/").nth(1).unwrap().split('"').next().unwrap());
    let before = get(&relay, &path).await;
    assert!(before.contains("id=\"curves\"") && !before.contains("Settings that changed"), "{before}");

    // A restart with the same settings changes nothing; one with another is written down.
    relay.restart().await;
    assert_eq!(relay.count("setting_change"), 0);
    let text = std::fs::read_to_string(relay.config_file()).unwrap();
    assert!(text.contains("text_links = false"));
    std::fs::write(relay.config_file(), text.replace("text_links = false", "text_links = true")).unwrap();
    relay.restart().await;
    for path in [path.clone(), format!("{path}?curve=hour")] {
        let after = get(&relay, &path).await;
        let curves = after.split("id=\"curves\"").nth(1).unwrap().split("</section>").next().unwrap();
        assert!(curves.contains("class=\"ev\"") && curves.contains(">text_links on</text>"), "{path}: {curves}");
        let changes = after.split("id=\"changes\"").nth(1).unwrap().split("</section>").next().unwrap();
        let told = "<b>tracking.text_links</b> is <code>true</code>, was <code>false</code>";
        assert!(changes.contains(told), "{changes}");
        assert_eq!(changes.matches("<li>").count(), 1, "{changes}");
    }
    relay.finish().await;
}
