//! The binary under test and a blocking HTTP client of a few lines.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

pub(crate) const CATALOG: &str = r#"
version = "t"
default_plan = "p"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", per = 1_000_000, credits = { tokens = "1.875" } }]
[plans.p]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

pub(crate) fn headworks() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headworks"));
    command.env_remove("HEADWORKS_URL").env_remove("HEADWORKS_API_KEY").env_remove("HEADWORKS_DATA");
    command
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

/// A server process.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    /// What its log said until it listened.
    pub(crate) said: String,
    /// How many records it said that it opened.
    pub(crate) records: u64,
}

pub(crate) fn make_key(data: &Path) -> String {
    let made =
        headworks().args(["keys", "create", "--scope", "admin", "--data"]).arg(data).output().expect("runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).expect("text").trim().to_owned()
}

impl Server {
    /// Starts the binary and waits until it says where it listens.
    pub(crate) fn start(data: &Path, catalog: &Path) -> Self {
        Self::start_with(data, catalog, &[])
    }

    /// The same with more arguments.
    pub(crate) fn start_with(data: &Path, catalog: &Path, more: &[&str]) -> Self {
        let child = headworks()
            .args(["serve", "--listen", "127.0.0.1:0", "--log-format", "json", "--data"])
            .arg(data)
            .arg("--catalog")
            .arg(catalog)
            .args(["--webhooks-allow", "127.0.0.1"])
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        // From here on the process ends with this value.
        let mut server =
            Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), said: String::new(), records: 0 };
        let mut log = BufReader::new(server.child.stderr.take().expect("log"));
        loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).expect("reads") > 0, "the server ended: {}", server.said);
            server.said.push_str(&line);
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            if entry["fields"]["message"] == "opened the ledger" {
                server.records = entry["fields"]["records"].as_u64().expect("a number");
            }
            if let Some(address) = entry["fields"]["address"].as_str() {
                server.address = address.parse().expect("address");
                // Somebody must read the log on, or the server would wait for it.
                std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
                return server;
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, by the test's own hand.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    key: String,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr, key: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), key: key.to_owned() })
    }

    /// Sends a request and reads its answer; an error when the server went away first.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        idempotency_key: &str,
        body: &str,
    ) -> std::io::Result<(u16, Value)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {idempotency_key}\r\nContent-Length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let gone = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let mut status = String::new();
        if self.stream.read_line(&mut status)? == 0 {
            return Err(gone());
        }
        let status = status.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(gone)?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(gone());
            }
            let line = line.trim_end().to_lowercase();
            if let Some(n) = line.strip_prefix("content-length: ") {
                length = n.parse().map_err(|_| gone())?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

/// A directory with a catalog, and a ledger with the key of an admin.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) secret: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("directory");
        std::fs::write(dir.path().join("catalog.toml"), CATALOG).expect("writes");
        let secret = make_key(&dir.path().join("data"));
        Self { dir, secret }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn start(&self) -> Server {
        Server::start(&self.path("data"), &self.path("catalog.toml"))
    }

    pub(crate) fn call(&self, server: &Server, method: &str, path: &str, key: &str, body: &Value) -> Value {
        let mut connection = Connection::open(server.address, &self.secret).expect("connects");
        let (status, answer) = connection.call(method, path, key, &body.to_string()).expect("answers");
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    }

    /// Opens an account and sells it a hundred credits.
    pub(crate) fn open(&self, server: &Server) {
        self.call(server, "POST", "/v1/accounts", "o", &json!({"id": "acme"}));
        let grant = json!({"amount": "100", "category": "purchased"});
        self.call(server, "POST", "/v1/accounts/acme/grants", "g", &grant);
    }
}
