//! A real browser: Chromium without a window, told what to do over WebDriver.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::tools::program;
use super::wait::{PATIENCE, wait_until};
use super::{Relay, Request};

/// As root it has no sandbox of its own; nothing but what is asked of it goes over the network.
const FLAGS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];
const HEIGHT: u32 = 900;
const PHONE_WIDTH_MAX: u32 = 600;

/// The key of an element's id in WebDriver's JSON (W3C WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window; it ends when it is dropped.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    site: String,
    folder: TempDir,
}

impl Browser {
    /// Starts one whose paths are those of a relay's web listener.
    pub async fn start(relay: &Relay) -> Self {
        let folder = TempDir::new().unwrap();
        let (driver, address) = driver(folder.path()).await;
        let site = format!("http://{}", relay.web());
        let mut browser = Self { driver, address, session: String::new(), site, folder };
        let profile = format!("--user-data-dir={}", browser.folder.path().join("profile").display());
        let flags: Vec<_> = FLAGS.iter().copied().chain([profile.as_str()]).collect();
        let wanted = json!({"goog:chromeOptions": {"args": flags}, "goog:loggingPrefs": {"browser": "ALL"}});
        let session = browser.ask("POST", "", &json!({"capabilities": {"alwaysMatch": wanted}})).await;
        browser.session = format!("/{}", session["sessionId"].as_str().expect("a session"));
        browser
    }

    async fn ask(&self, method: &str, command: &str, body: &Value) -> Value {
        let path = format!("/session{}{command}", self.session);
        let request = Request::new(method, &path).header("Content-Type", "application/json");
        let request = if method == "POST" { request.body(body.to_string()) } else { request };
        let answer = request.send(self.address).await;
        assert_eq!(answer.status, 200, "{command}: {}", answer.text());
        answer.json()["value"].take()
    }

    async fn post(&self, command: &str, body: Value) -> Value {
        self.ask("POST", command, &body).await
    }

    /// A command of Chromium's own protocol, for what WebDriver has no word for.
    async fn cdp(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({"cmd": command, "params": parameters})).await
    }

    /// Loads a path of the relay, or any URL.
    pub async fn open(&self, place: &str) {
        let url = if place.starts_with('/') { format!("{}{place}", self.site) } else { place.to_owned() };
        self.post("/url", json!({"url": url})).await;
    }

    /// The path and query of the page that is shown.
    pub async fn path(&self) -> String {
        let url = self.ask("GET", "/url", &Value::Null).await;
        let url = url.as_str().unwrap();
        url.strip_prefix(&self.site).unwrap_or(url).to_owned()
    }

    async fn find(&self, selector: &str) -> String {
        let found = self.post("/element", json!({"using": "css selector", "value": selector})).await;
        format!("/element/{}", found[ELEMENT].as_str().expect("an element"))
    }

    /// Clicks where a person would: the element has to be there and in sight.
    pub async fn click(&self, selector: &str) {
        let element = self.find(selector).await;
        self.post(&format!("{element}/click"), json!({})).await;
    }

    /// Waits until a click or a form has led to this path and the page is whole.
    pub async fn reaches(&self, path: &str) {
        self.until(&format!("location.pathname == '{path}' && document.readyState == 'complete'")).await;
    }

    /// Waits until an expression about the page is true; a page that is just leaving has no answer.
    pub async fn until(&self, expression: &str) {
        let path = format!("/session{}/execute/sync", self.session);
        let body = json!({"script": format!("return {expression}"), "args": []}).to_string();
        let request = Request::new("POST", &path).header("Content-Type", "application/json").body(body);
        wait_until(expression, PATIENCE, async || request.send(self.address).await.json()["value"] == true).await;
    }

    /// Types a text into a field.
    pub async fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector).await;
        self.post(&format!("{element}/value"), json!({"text": text})).await;
    }

    /// What the function body `source` returns, a promise awaited.
    pub async fn script(&self, source: &str) -> Value {
        self.post("/execute/sync", json!({"script": source, "args": []})).await
    }

    /// Pages may run no script of theirs from now on.
    pub async fn forbid_scripts(&self) {
        self.cdp("Emulation.setScriptExecutionDisabled", json!({"value": true})).await;
    }

    /// The width of the window, and whether its user likes it dark.
    pub async fn show(&self, width: u32, dark: bool) {
        let phone = width <= PHONE_WIDTH_MAX;
        let metrics = json!({"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": phone});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = json!({"name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" }});
        self.cdp("Emulation.setEmulatedMedia", json!({"features": [scheme]})).await;
    }

    /// What the page complained about in the console since the last call.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({"type": "browser"})).await;
        log.as_array().unwrap().iter().map(|entry| format!("{}: {}", entry["level"], entry["message"])).collect()
    }

    /// What axe-core finds wrong with the page for people who read it in other ways than by eye and mouse: by all its
    /// rules, or by those about colours alone.
    pub async fn axe(&self, colours_only: bool) -> Vec<String> {
        let rules = if colours_only { ", runOnly: ['color-contrast', 'link-in-text-block']" } else { "" };
        if self.script("return typeof axe").await == "undefined" {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/axe.min.js");
            let axe = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{e}: is .ci/setup done?"));
            self.script(&axe).await;
        }
        let found = self
            .script(&format!(
                "return axe.run({{iframes: false, resultTypes: ['violations']{rules}}}).then(result => result.violations\
                 .flatMap(rule => rule.nodes.map(node => `${{rule.id}}: ${{node.target}}: ${{node.failureSummary}}`)))"
            ))
            .await;
        found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }

    /// Keeps a picture of the whole page under `target/screenshots`, to be looked at.
    pub async fn picture(&self, name: &str) {
        let whole = json!({"captureBeyondViewport": true});
        let picture = self.cdp("Page.captureScreenshot", whole).await;
        let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let bytes = BASE64.decode(picture["data"].as_str().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }
}

/// The driver takes one free port for both kinds of loopback address; one that is taken on the other side ends it.
async fn driver(folder: &Path) -> (Child, SocketAddr) {
    let told = folder.join("driver.log");
    for _ in 0..10 {
        let mut command = program("chromedriver");
        command.arg("--port=0").stdout(File::create(&told).unwrap()).stderr(Stdio::null()).process_group(0);
        let mut driver = command.spawn().unwrap_or_else(|error| panic!("chromedriver: {error}: is .ci/setup done?"));
        let mut port = None;
        wait_until("the driver listens or ends", PATIENCE, async || {
            let text = std::fs::read_to_string(&told).unwrap_or_default();
            port = text.split("successfully on port ").nth(1).and_then(|rest| rest.split('.').next()?.parse().ok());
            port.is_some() || driver.try_wait().unwrap().is_some()
        })
        .await;
        if let Some(port) = port {
            return (driver, SocketAddr::from(([127, 0, 0, 1], port)));
        }
    }
    panic!("the driver found no free port");
}

impl Drop for Browser {
    /// The driver leads a process group, in which the browser is too.
    fn drop(&mut self) {
        let mut command = program("sh");
        command.args(["-c", "kill -s KILL -- \"-$0\""]).arg(self.driver.id().to_string());
        let _ = command.status();
        let _ = self.driver.wait();
    }
}
