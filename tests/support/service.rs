//! The service itself: the real binary, started like an operator does.

use std::path::PathBuf;
use std::process::{ExitStatus, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use central_oauth_sandbox_poem::Sandbox;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::Child;
use tokio::time::timeout;

use super::http;
use super::process::{self, within};

const START_WITHIN: Duration = Duration::from_secs(60);
/// The interval at which readiness is polled.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const STOP_WITHIN: Duration = Duration::from_secs(60);
const COMMAND_WITHIN: Duration = Duration::from_secs(120);

/// A service with its own database, key and port, which survive a restart. It is killed with this handle.
pub(crate) struct Service {
    host: String,
    port: u16,
    /// The network namespace that it runs in, if not the test's own.
    namespace: Option<String>,
    /// The prefix of the command that runs the binary, which must exec it.
    wrapper: Vec<String>,
    /// The number of its latest process.
    pub(crate) id: Arc<AtomicU32>,
    settings: Vec<(String, String)>,
    others: Vec<(String, String)>,
    folder: TempDir,
    child: Option<Child>,
}

impl Service {
    /// The key with which its database is encrypted.
    pub(crate) const SECRET_KEY: &str =
        "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f";

    /// The admin key of a service for the sandbox.
    pub(crate) const ADMIN_KEY: &str = "the-admin-key-of-the-test";

    /// Starts a service with these settings and waits until it answers. The names of settings leave out
    /// `CENTRAL_OAUTH_`.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let mut service = Self::prepare(settings);
        service.run().await;
        service
    }

    /// Returns a service that has not been started.
    pub(crate) fn prepare(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("cannot make a temporary folder");
        let port = process::free_port();
        let database = folder.path().join("central-oauth.sqlite3");
        let mut service = Self {
            host: "127.0.0.1".to_owned(),
            port,
            namespace: None,
            wrapper: Vec::new(),
            id: Arc::default(),
            settings: Vec::new(),
            others: Vec::new(),
            folder,
            child: None,
        };
        service.set("LISTEN_ADDR", &format!("127.0.0.1:{port}"));
        service.set("DB_PATH", &database.display().to_string());
        service.set("SECRET_KEY", Self::SECRET_KEY);
        for (name, value) in settings {
            service.set(name, value);
        }
        service
    }

    /// Returns a service for the sandbox's client, which has not been started.
    pub(crate) fn prepare_for(sandbox: &Sandbox) -> Self {
        let at = sandbox.endpoints();
        Self::prepare(&[
            ("ADMIN_KEY", Self::ADMIN_KEY),
            ("PROVIDER_CLIENT_ID", "sandbox-client"),
            ("PROVIDER_TOKEN_ENDPOINT", &at.token),
            (
                "PROVIDER_DEVICE_AUTHORIZATION_ENDPOINT",
                &at.device_authorization,
            ),
            ("PROVIDER_USERINFO_ENDPOINT", &at.userinfo),
            ("PROVIDER_TIMEOUT", "3"),
        ])
    }

    /// Starts a service with the sandbox as its provider and a long provider timeout. Waits until it answers.
    pub(crate) async fn start_for(sandbox: &Sandbox) -> Self {
        let mut service = Self::patient_for(sandbox);
        service.run().await;
        service
    }

    /// Returns a service for the sandbox's client, with a long provider timeout. It has not been started.
    pub(crate) fn patient_for(sandbox: &Sandbox) -> Self {
        let mut service = Self::prepare_for(sandbox);
        service.be_patient();
        service
    }

    /// Changes a setting for the next start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        let mut settings = self.settings.iter();
        let found = settings.find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    }

    /// Increases the provider timeout, for providers on a busy machine: after a timeout the response to a refresh is
    /// lost. Leases last longer, too, so this is not for services that crash.
    pub(crate) fn be_patient(&mut self) {
        self.set("PROVIDER_TIMEOUT", "20");
    }

    /// From now on, the service is reached at another port, where a proxy listens.
    pub(crate) fn reach_through(&mut self, port: u16) {
        self.port = port;
    }

    /// Returns the port at which the service is reached.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Sets a variable without our prefix, for the next start.
    pub(crate) fn set_other(&mut self, name: &str, value: &str) {
        self.others.push((name.to_owned(), value.to_owned()));
    }

    /// Makes the service run in a network namespace, in which it listens at this address.
    #[allow(dead_code, reason = "only the chaos test calls it")]
    pub(crate) fn move_to(&mut self, namespace: &str, host: &str) {
        self.namespace = Some(namespace.to_owned());
        host.clone_into(&mut self.host);
        self.set("LISTEN_ADDR", &format!("{host}:{}", self.port));
    }

    /// Runs the binary by this command from the next start on. The command must replace itself by the binary.
    #[allow(dead_code, reason = "only the chaos test calls it")]
    pub(crate) fn run_by(&mut self, wrapper: Vec<String>) {
        self.wrapper = wrapper;
    }

    /// Returns an address of the service.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}:{}{path}", self.host, self.port)
    }

    /// Returns the path of a file in the service's own folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the service's output and error output, over all its runs.
    pub(crate) fn logs(&self) -> String {
        process::read_log(&self.log())
    }

    /// Another command of the binary, with the same settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let binary = env!("CARGO_BIN_EXE_central-oauth");
        let mut whole = match &self.namespace {
            None => self.wrapper.clone(),
            // Execs the binary: the process keeps its id.
            Some(namespace) => ["ip", "netns", "exec", namespace]
                .map(str::to_owned)
                .to_vec(),
        };
        whole.push(binary.to_owned());
        let mut command = process::command(&whole[0]);
        command.args(&whole[1..]);
        for (name, _) in std::env::vars_os() {
            let foreign = name.to_string_lossy();
            if foreign.starts_with("CENTRAL_OAUTH_") || foreign.starts_with("OTEL_") {
                command.env_remove(&name);
            }
        }
        for (name, value) in &self.settings {
            command.env(format!("CENTRAL_OAUTH_{name}"), value);
        }
        for (name, value) in &self.others {
            command.env(name, value);
        }
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// Runs another command of the binary to its end.
    pub(crate) async fn output(&self, arguments: &[&str]) -> Output {
        let what = arguments.join(" ");
        let output = within(COMMAND_WITHIN, &what, self.command(arguments).output()).await;
        output.unwrap_or_else(|error| panic!("cannot run {what}: {error}"))
    }

    /// Starts the service, and does not wait until it answers.
    pub(crate) fn begin(&mut self) {
        assert!(self.child.is_none(), "the service runs already");
        self.child = Some(self.spawn());
    }

    /// Starts the service and waits until it answers.
    pub(crate) async fn run(&mut self) {
        self.begin();
        let answers = timeout(START_WITHIN, self.answers()).await;
        assert!(answers.is_ok(), "it does not answer:\n{}", self.logs());
    }

    /// Polls until it answers. Not in a separate task, so that tasks can wait for it.
    async fn answers(&mut self) {
        let (client, health) = (http::client(), self.url("/v1/healthz"));
        loop {
            self.must_live();
            let answer = http::try_send(client.get(&health)).await;
            if answer.is_ok_and(|answer| answer.status.is_success()) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Starts the service with settings that are expected to stop it, and waits for its end.
    pub(crate) async fn run_to_the_end(&mut self) -> ExitStatus {
        let mut child = self.spawn();
        let ended = within(START_WITHIN, "the end of the service", child.wait()).await;
        ended.expect("cannot wait for the service")
    }

    /// Waits until the service has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        self.wait().await
    }

    /// Ends the service as an operator does, and waits until it is gone.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait().await
    }

    /// Sends the service a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("the service does not run");
        // The id stays this child's as long as nobody has waited for it.
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let id = id.and_then(Pid::from_raw).expect("the service has ended");
        kill_process(id, signal).unwrap_or_else(|error| panic!("cannot send {signal:?}: {error}"));
    }

    /// Kills the service.
    pub(crate) async fn kill(&mut self) {
        let child = self.child.as_mut().expect("the service does not run");
        child.start_kill().expect("cannot send SIGKILL");
        self.wait().await;
    }

    /// Restarts the service, on the same port and database.
    pub(crate) async fn restart(&mut self) {
        if self.child.is_some() {
            self.stop().await;
        }
        self.run().await;
    }

    fn log(&self) -> PathBuf {
        self.file("service.log")
    }

    fn spawn(&self) -> Child {
        let log = self.log();
        let child = self
            .command(&["serve"])
            .stdout(process::log_file(&log))
            .stderr(process::log_file(&log))
            .spawn()
            .expect("cannot start the service");
        self.id
            .store(child.id().unwrap_or_default(), Ordering::SeqCst);
        child
    }

    async fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the service does not run");
        let ended = tokio::time::timeout(STOP_WITHIN, child.wait()).await;
        let Ok(status) = ended else {
            panic!("the service does not end:\n{}", self.logs());
        };
        status.expect("cannot wait for the service")
    }

    fn must_live(&mut self) {
        let child = self.child.as_mut().expect("the service does not run");
        if let Some(status) = child.try_wait().expect("cannot look at the service") {
            panic!("the service ended with {status}:\n{}", self.logs());
        }
    }
}
