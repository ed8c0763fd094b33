//! The relay under test: the built binary as a process of its own, in a folder of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use super::mail::path_of;
use super::tools::program;
use super::wait::{PATIENCE, wait_until};
use super::{Client, Config, Reply, Request, Response, run};

const BINARY: &str = env!("CARGO_BIN_EXE_postrider");
const LOG_BYTES_SHOWN: usize = 20_000;
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// What a sender logs in with.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user name.
    pub username: String,
    /// The password, shown once.
    pub password: String,
}

/// A relay. Every scenario ends it with [`Relay::finish`].
pub struct Relay {
    folder: TempDir,
    child: Option<Child>,
    listening: Value,
    login: Option<Login>,
    environment: Vec<(String, String)>,
    finished: bool,
}

impl Relay {
    /// Starts `postrider serve` and waits until it listens.
    pub async fn start(config: Config) -> Self {
        Self::start_in(TempDir::new().unwrap(), config, &[]).await
    }

    /// The same in a folder that was prepared, its data in `data`, and with these variables in its environment.
    pub async fn start_in(folder: TempDir, config: Config, environment: &[(&str, &str)]) -> Self {
        let config = config.set("data_dir", folder.path().join("data").to_string_lossy().into_owned());
        std::fs::write(folder.path().join("postrider.toml"), config.text()).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut relay = Self { folder, child: None, listening: Value::Null, login: None, environment, finished: false };
        relay.spawn().await;
        relay
    }

    async fn spawn(&mut self) {
        let told = self.data_dir().join("listening.json");
        let _ = std::fs::remove_file(&told);
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = program(BINARY);
        command.arg("serve").arg("--config").arg(self.config_file()).current_dir(self.folder.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(listening) = std::fs::read(&told).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                self.listening = listening;
                return;
            }
            if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().unwrap()) {
                panic!("the relay ended at its start with {status}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the relay did not listen within {PATIENCE:?}");
    }

    /// Where it keeps everything.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("postrider.toml")
    }

    /// A file in its folder, made with this text.
    pub fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("relay.log")
    }

    /// All that it has logged, over its restarts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// The first address of a kind of listener: submission, submission_tls, web, tracking, returns.
    pub fn address(&self, listener: &str) -> SocketAddr {
        let address = self.listening[listener][0].as_str().and_then(|text| text.parse().ok());
        address.unwrap_or_else(|| panic!("no {listener} listener in {}", self.listening))
    }

    /// Where senders submit.
    pub fn submission(&self) -> SocketAddr {
        self.address("submission")
    }

    /// Where the dashboard and the API are.
    pub fn web(&self) -> SocketAddr {
        self.address("web")
    }

    /// Its process.
    pub fn process_id(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    fn signal(&self, name: &str) {
        let mut command = program("sh");
        command.args(["-c", "kill -s \"$0\" \"$1\"", name]).arg(self.process_id().to_string());
        assert!(command.status().unwrap().success(), "SIG{name} reaches the relay");
    }

    /// SIGTERM, without waiting for anything.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        self.signal("HUP");
    }

    /// Waits until the process has ended, whatever made it.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        let mut status = None;
        wait_until("the relay ends", 3 * PATIENCE / 2, async || {
            status = child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }

    /// SIGTERM; it has to end with exit code 0.
    pub async fn stop(&mut self) {
        self.terminate();
        let status = self.ended().await;
        assert!(status.success(), "the relay stops in order: {status}");
    }

    /// SIGKILL.
    pub async fn kill(&mut self) {
        self.signal("KILL");
        self.ended().await;
    }

    /// Starts it again, on new ports; in order if it still runs.
    pub async fn restart(&mut self) {
        if self.child.is_some() {
            self.stop().await;
        }
        self.spawn().await;
    }

    /// Runs `postrider` with these arguments and `--config`.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        let mut command = program(BINARY);
        command.args(arguments).arg("--config").arg(self.config_file()).current_dir(self.folder.path());
        command.stdin(Stdio::null());
        run(command).await
    }

    /// Runs a command that has to succeed: what it printed.
    pub async fn command_text(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).await;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "postrider {arguments:?}: {} {out}{err}", output.status);
        out.into_owned()
    }

    /// Makes a credential. The last one made is the one the API is asked with.
    pub async fn credential(&mut self, name: &str, arguments: &[&str]) -> Login {
        let command = [&["credential", "create", name, "--json"], arguments].concat();
        let made: Value = serde_json::from_str(&self.command_text(&command).await).expect("JSON");
        let text = |key: &str| made[key].as_str().unwrap_or_else(|| panic!("{key} in {made}")).to_owned();
        let login = Login { username: text("username"), password: text("password") };
        self.login = Some(login.clone());
        login
    }

    /// The last credential made; a first one when there is none.
    pub async fn login(&mut self) -> Login {
        match self.login.clone() {
            Some(login) => login,
            None => self.credential("news", &[]).await,
        }
    }

    /// Adds a sending domain: the records to publish, as `NAME=VALUE`, one a line.
    pub async fn signing_domain(&self, domain: &str) -> String {
        let printed = self.command_text(&["domain", "add", domain]).await;
        let lines: Vec<_> = printed.lines().map(str::trim).collect();
        let pairs = lines.windows(2).filter(|pair| pair[1].starts_with("v=DKIM1"));
        let records: Vec<_> = pairs.map(|pair| format!("{}={}", pair[0], pair[1])).collect();
        assert_eq!(records.len(), 2, "{printed}");
        records.join("\n")
    }

    /// A client that has logged in.
    pub async fn client(&mut self) -> Client {
        let login = self.login().await;
        Client::logged_in(self.submission(), &login).await
    }

    /// Submits one message over a connection of its own: the last reply.
    pub async fn submit(&mut self, from: &str, to: &[&str], message: &str) -> Reply {
        let mut client = self.client().await;
        let reply = client.send(from, to, message).await;
        client.quit().await;
        reply
    }

    /// The path of the link that makes the first login, as the first start wrote it down.
    pub fn welcome(&self) -> String {
        let text = std::fs::read_to_string(self.data_dir().join("first-run.txt")).expect("the text of the first start");
        let path = text.split_whitespace().find_map(|word| word.find("/welcome/").map(|at| &word[at..]));
        path.expect("a link to sign in").to_owned()
    }

    /// Uses the link of the first start to make the first login, `ann@example.org`: the cookie of its session.
    pub async fn sign_in(&self) -> String {
        let form = [("email", "ann@example.org"), ("password", "correct horse")];
        let answer = self.http(&Request::form(&self.welcome(), &form)).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.cookies().join("; ")
    }

    /// One HTTP request to the web listener.
    pub async fn http(&self, request: &Request) -> Response {
        request.send(self.web()).await
    }

    /// Makes the first login with the link that can be pasted: the cookie of its session.
    pub async fn signed_in(&self) -> String {
        let text = std::fs::read_to_string(self.data_dir().join("first-run.txt")).unwrap();
        let path = text[text.find("/welcome/").unwrap()..].lines().next().unwrap();
        let form = [("email", "ann@example.org"), ("password", "correct horse")];
        self.http(&Request::form(path, &form)).await.cookies().join("; ")
    }

    /// Fetches a URL of a mail as a person's browser would, from the relay whatever its host resolves to.
    pub async fn follow(&self, url: &str) -> Response {
        self.follow_as(url, BROWSER).await
    }

    /// Fetches a URL of a mail as the client with this User-Agent.
    pub async fn follow_as(&self, url: &str, agent: &str) -> Response {
        let path = path_of(url);
        let host = url.strip_suffix(&path).and_then(|origin| origin.split_once("://")).expect("an absolute URL").1;
        self.http(&Request::get(&path).header("Host", host).header("User-Agent", agent)).await
    }

    /// JSON from the API.
    pub async fn api(&self, path: &str) -> Value {
        let login = self.login.as_ref().expect("a credential to ask with");
        let response = self.http(&Request::get(path).basic(&login.username, &login.password)).await;
        assert_eq!(response.status, 200, "GET {path}: {}", response.text());
        response.json()
    }

    /// The statistics of a campaign; `null` while there is none of that name.
    pub async fn campaign(&self, name: &str) -> Value {
        let login = self.login.as_ref().expect("a credential to ask with");
        let name: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
        let path = format!("/api/v1/campaigns/{}", name.replace('+', "%20"));
        let response = self.http(&Request::get(&path).basic(&login.username, &login.password)).await;
        if response.status == 404 { Value::Null } else { response.json() }
    }

    /// Waits until a campaign's number (`/delivered`, `/opened/human`) is this one; then all its statistics.
    pub async fn campaign_with(&self, name: &str, pointer: &str, number: i64) -> Value {
        let mut last = Value::Null;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            last = self.campaign(name).await;
            if last.pointer(pointer).and_then(Value::as_i64) == Some(number) {
                return last;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("waited {PATIENCE:?} in vain for {pointer} = {number} of {name}: {last}");
    }

    /// How many deliveries wait for their first try.
    async fn untried(&self) -> i64 {
        let list = self.api("/api/v1/campaigns").await;
        let campaigns = list.as_array().or_else(|| list["campaigns"].as_array()).cloned().unwrap_or_default();
        campaigns.iter().map(|one| one["queued"].as_i64().unwrap_or(0) - one["deferred"].as_i64().unwrap_or(0)).sum()
    }

    /// Waits until every delivery was tried.
    pub async fn wait_idle(&self) {
        wait_until("every delivery is tried", PATIENCE, async || self.untried().await == 0).await;
    }

    /// Changes stored rows, as time would have. Only while it is stopped.
    pub fn sql(&self, sql: &str) {
        assert!(self.child.is_none(), "nobody else writes while the relay runs");
        let conn = rusqlite::Connection::open(self.data_dir().join("postrider.db")).unwrap();
        conn.execute(sql, []).unwrap();
    }

    /// How many rows a table has.
    pub fn count(&self, table: &str) -> i64 {
        let conn = rusqlite::Connection::open(self.data_dir().join("postrider.db")).unwrap();
        conn.busy_timeout(PATIENCE).unwrap();
        conn.query_row(&format!("select count(*) from {table}"), [], |row| row.get(0)).unwrap()
    }

    /// Replays the ledger and compares.
    pub async fn verify(&self) {
        self.command_text(&["verify"]).await;
    }

    /// The end of every scenario: all tried, stopped in order, the ledger replayed and compared.
    pub async fn finish(mut self) {
        if self.child.is_some() {
            if self.login.is_some() {
                self.wait_idle().await;
            }
            self.stop().await;
        }
        self.verify().await;
        self.finished = true;
    }

    /// The end of a scenario whose queue is meant to stay as it is, paused or cut off.
    pub async fn finish_with_queue(mut self) {
        if self.child.is_some() {
            self.stop().await;
        }
        self.verify().await;
        self.finished = true;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let from = log.ceil_char_boundary(log.len().saturating_sub(LOG_BYTES_SHOWN));
            eprintln!("--- the relay's log ---\n{}", &log[from..]);
        } else {
            assert!(self.finished, "a scenario ends with finish()");
        }
    }
}
