//! A real browser, without a window, that tells what it shows: Chromium over its DevTools protocol.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    env, fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket, client};

/// Names of the program.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// How long an answer may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running browser with one page; it ends with this.
pub struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    calls: u64,
    events: Vec<Value>,
    _profile: TempDir,
}

/// A window's size and surroundings.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Width in CSS pixels.
    pub width: u32,
    /// Whether the system prefers dark colours.
    pub dark: bool,
}

fn program() -> Option<PathBuf> {
    let folders = env::split_paths(&env::var_os("PATH")?).collect::<Vec<_>>();
    NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.exists())
}

impl Browser {
    /// Starts it; `None`, and a word about it, where none is installed.
    pub fn start() -> Option<Self> {
        let Some(program) = program() else {
            eprintln!("skipped: no {} on PATH (scripts/setup.sh installs it)", NAMES.join(", "));
            return None;
        };
        let profile = tempfile::tempdir().expect("there is room for temporary files");
        let process = Command::new(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--disable-quic",
                "--disable-dev-shm-usage",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args(["--remote-debugging-port=0", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser starts");
        let (port, path) = address(profile.path());
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the browser listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket can wait");
        let (socket, _) =
            client(format!("ws://127.0.0.1:{port}{path}"), stream).expect("the browser speaks its protocol");
        let mut browser =
            Self { process, socket, session: None, calls: 0, events: vec![], _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached =
            browser.call("Target.attachToTarget", json!({"targetId": target["targetId"], "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Shows a file and waits until it is there. Returns what it asked for besides itself, and what it complained of.
    pub fn open(&mut self, file: &Path, window: Window) -> Vec<String> {
        let scheme = if window.dark { "dark" } else { "light" };
        let size = json!({"width": window.width, "height": 900, "deviceScaleFactor": 1, "mobile": window.width < 600});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", features);
        self.events.clear();
        let url = format!("file://{}", file.canonicalize().expect("the page is there").display());
        let answer = self.call("Page.navigate", json!({"url": url}));
        assert!(answer["errorText"].is_null(), "{answer}");
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            self.receive();
        }
        let complaint = |event: &Value| match event["method"].as_str()? {
            "Network.requestWillBeSent" => {
                let asked = event["params"]["request"]["url"].as_str()?;
                (asked != url && !asked.starts_with("data:")).then(|| format!("asks for {asked}"))
            }
            "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded" => {
                Some(event["params"].to_string())
            }
            _ => None,
        };
        self.events.iter().filter_map(complaint).collect()
    }

    /// The value of a JavaScript expression in the page.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let answer = self.call(
            "Runtime.evaluate",
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true}),
        );
        assert!(answer["exceptionDetails"].is_null(), "{answer}");
        answer["result"]["value"].clone()
    }

    /// Writes a picture of the whole page into the folder that `NEUROCUDA_SCREENSHOTS` names, if it names one.
    pub fn picture(&mut self, name: &str) {
        let Some(folder) = env::var_os("NEUROCUDA_SCREENSHOTS") else { return };
        let picture =
            self.call("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true}));
        let bytes = STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
        fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).expect("the folder can be written");
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut call = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            call["sessionId"] = session.as_str().into();
        }
        self.socket.send(Message::text(call.to_string())).expect("the browser listens");
        loop {
            let answer = self.receive();
            if answer["id"] == self.calls {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// The next message; events are kept.
    fn receive(&mut self) -> Value {
        loop {
            let message = self.socket.read().expect("the browser answers in time");
            if let Message::Text(text) = message {
                let message = serde_json::from_str::<Value>(&text).expect("the browser speaks JSON");
                if message["id"].is_null() {
                    self.events.push(message.clone());
                }
                return message;
            }
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Where a browser listens: it writes that into its profile.
fn address(profile: &Path) -> (u16, String) {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(profile.join("DevToolsActivePort")).unwrap_or_default();
        if let Some((port, path)) = text.split_once('\n')
            && path.len() > 1
        {
            return (port.trim().parse().expect("a port"), path.trim().to_owned());
        }
        assert!(start.elapsed() < PATIENCE, "the browser does not start");
        sleep(Duration::from_millis(50));
    }
}
