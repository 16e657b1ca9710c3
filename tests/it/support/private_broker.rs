//! A RabbitMQ of a test's own, which may lose everything.

use std::path::PathBuf;
use std::process::Command;

use super::cluster::root;

/// A broker; it ends with this value.
pub struct PrivateBroker {
    pub url: String,
    folder: PathBuf,
}

impl PrivateBroker {
    pub async fn start() -> Self {
        let folder = std::env::temp_dir().join(format!("broker-{:x}", rand::random::<u64>()));
        let mut broker = Self { url: String::new(), folder };
        broker.url = broker.tell("start").await;
        broker
    }

    /// Kills it and takes its data away.
    pub async fn wipe(&self) {
        self.tell("wipe").await;
    }

    /// The same address, with nothing in it.
    pub async fn start_again(&self) {
        assert_eq!(self.tell("start").await, self.url, "the broker has moved");
    }

    async fn tell(&self, what: &str) -> String {
        let mut command = command(what, &self.folder);
        let told = tokio::task::spawn_blocking(move || command.output()).await;
        let told = told.expect("a task").expect("the script runs");
        assert!(told.status.success(), "{what}: {}", String::from_utf8_lossy(&told.stderr));
        String::from_utf8_lossy(&told.stdout).trim().to_owned()
    }
}

fn command(what: &str, folder: &std::path::Path) -> Command {
    let mut command = Command::new(root().join("tests/it/support/private-rabbitmq"));
    command.arg(what).arg(folder);
    command
}

impl Drop for PrivateBroker {
    fn drop(&mut self) {
        drop(command("stop", &self.folder).output());
    }
}
