//! Settings: read once at the start, from a TOML file and from the environment over it
//! (`PAYCLEAR__SECTION__KEY`), checked before any port opens.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::vocabulary::realm::{Realm, TEST};

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `production`, or `development`, which lets notices go to loopback addresses by plain http.
    #[serde(default)]
    pub mode: Mode,
    /// The database.
    pub database: DatabaseSettings,
    /// The broker.
    pub broker: BrokerSettings,
    /// The doors.
    #[serde(default)]
    pub http: HttpSettings,
    /// Keys at rest.
    #[serde(default)]
    pub secrets: SecretsSettings,
    /// Clearing.
    #[serde(default)]
    pub clearing: ClearingSettings,
    /// Notices to portals.
    #[serde(default)]
    pub notices: NoticesSettings,
    /// People who sign in.
    #[serde(default)]
    pub people: PeopleSettings,
    /// The sandbox.
    #[serde(default)]
    pub sandbox: SandboxSettings,
    /// Which of the two these settings are for; never read, [`Settings::for_sandbox`] sets it.
    #[serde(skip)]
    pub realm: Realm,
    /// Mail to payers.
    #[serde(default)]
    pub mail: MailSettings,
    /// Statements and reports.
    #[serde(default)]
    pub statements: StatementsSettings,
}

/// Where this runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// For citizens' money.
    #[default]
    Production,
    /// On a developer's machine.
    Development,
}

/// The database.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// The application role's address (`DATABASE_URL`).
    pub url: String,
    /// The most connections of a process's pool; its four grouping writers have one each beside.
    #[serde(default = "default_connections")]
    pub connections: u32,
    /// A path on this machine that lies on the disk of the database's data; empty when the database
    /// is elsewhere: its own monitoring looks after the disk then.
    #[serde(default)]
    pub disk_path: String,
    /// With less room than this on that disk the doors are not ready (MiB).
    #[serde(default = "default_disk_free")]
    pub disk_free_mebibytes: u64,
}

impl std::fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabaseSettings")
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

const fn default_connections() -> u32 {
    24
}

const fn default_disk_free() -> u64 {
    1024
}

/// The broker.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerSettings {
    /// Address with virtual host (`AMQP_URL`).
    pub url: String,
    /// Put in front of every exchange and queue, where several installations share a virtual host.
    #[serde(default)]
    pub prefix: String,
}

impl std::fmt::Debug for BrokerSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrokerSettings").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// The doors.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// How the outside names this service: signatures and links are built from it.
    pub public_url: String,
    /// A request that takes longer is ended (seconds).
    pub request_seconds: u64,
    /// The header in which a trusted proxy names the payer's address; empty: the connection's own.
    pub client_address_header: String,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: "http://127.0.0.1:8080".to_owned(),
            request_seconds: 20,
            client_address_header: String::new(),
        }
    }
}

/// Keys at rest.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretsSettings {
    /// The master key, base64 of 32 bytes.
    pub master_key: String,
    /// Or the file that holds it.
    pub master_key_file: Option<PathBuf>,
    /// Older master keys, while a rotation is under way: still opened, never sealed with.
    pub previous_master_keys: Vec<String>,
}

impl std::fmt::Debug for SecretsSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretsSettings")
            .field("master_key_file", &self.master_key_file)
            .finish_non_exhaustive()
    }
}

/// Clearing.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClearingSettings {
    /// An invoice lives so long unless the portal says otherwise (days).
    pub invoice_days: i64,
    /// An attempt through a redirect channel lives so long (minutes).
    pub attempt_minutes: i64,
    /// Cut-off of the business day, `HH:MM` in Việt Nam; empty: midnight.
    pub cut_off: String,
    /// Statements and reports of a day are expected by this hour of the next working day, `HH:MM`
    /// in Việt Nam; by then a transfer to the Treasury is confirmed as well.
    pub files_by: String,
    /// Which partner holds the account that stands on every invoice from the start; empty: the
    /// first partner, by code, that takes bank transfers for the agency.
    pub standing_partner: String,
    /// Time-out of a call to a partner (seconds).
    pub partner_call_seconds: u64,
    /// A message that has had no effect for so long is sent again when its queue is empty (seconds);
    /// longer than a consumer may take for one.
    pub lost_after_seconds: u64,
    /// How often the clock role sweeps (milliseconds).
    pub sweep_milliseconds: u64,
    /// Answers to repeated requests are kept so long (days).
    pub answers_kept_days: i32,
    /// The largest difference that two people may write off (đồng).
    pub write_off_most: u64,
    /// The most that is written off for one partner in a day (đồng).
    pub write_off_day: u64,
}

impl Default for ClearingSettings {
    fn default() -> Self {
        Self {
            invoice_days: 30,
            attempt_minutes: 15,
            cut_off: String::new(),
            files_by: "10:00".to_owned(),
            standing_partner: String::new(),
            partner_call_seconds: 30,
            lost_after_seconds: 60,
            sweep_milliseconds: 1000,
            answers_kept_days: 7,
            write_off_most: 1_000,
            write_off_day: 10_000,
        }
    }
}

/// Statements (sao kê) and reports that banks and partners send.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatementsSettings {
    /// A folder that is watched: files that appear there are taken in, then moved to `done` or
    /// `refused` below it, each with its verdict beside it. Empty: none is.
    pub folder: String,
    /// The largest file that is taken (MiB).
    pub most_megabytes: u64,
    /// Where files are kept while they are read; empty: the system's folder for such files.
    pub spool: String,
}

impl Default for StatementsSettings {
    fn default() -> Self {
        Self { folder: String::new(), most_megabytes: 512, spool: String::new() }
    }
}

/// Notices to portals.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoticesSettings {
    /// Pauses before each further try (seconds); jitter of a tenth is added. After the last the
    /// notice is parked.
    pub retry_seconds: Vec<u64>,
    /// Time-out of one try (seconds).
    pub try_seconds: u64,
    /// Tries under way to one endpoint at once.
    pub per_endpoint: usize,
}

impl Default for NoticesSettings {
    fn default() -> Self {
        Self {
            // 5 s, 30 s, 5 min, 30 min, 2 h, 6 h, 12 h, then daily: three days in all.
            retry_seconds: vec![5, 30, 300, 1800, 7200, 21_600, 43_200, 86_400, 86_400],
            try_seconds: 15,
            per_endpoint: 32,
        }
    }
}

/// The sandbox: the same doors, another database and other queues.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SandboxSettings {
    /// The sandbox's own database, the application role's address; empty: there is no sandbox.
    pub database_url: String,
    /// The most connections of a process's pool; its four grouping writers have one each beside.
    pub connections: u32,
    /// Its own virtual host; empty: that of `broker.url`, every name there with `test_` in front.
    pub broker_url: String,
    /// What `clearing.standing_partner` is there: the test bank of `registers/sandbox`.
    pub standing_partner: String,
}

impl Default for SandboxSettings {
    fn default() -> Self {
        Self {
            database_url: String::new(),
            connections: 8,
            broker_url: String::new(),
            standing_partner: "testbank".to_owned(),
        }
    }
}

impl std::fmt::Debug for SandboxSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SandboxSettings")
            .field("on", &!self.database_url.is_empty())
            .finish_non_exhaustive()
    }
}

/// People who sign in.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PeopleSettings {
    /// A session ends so long after the sign-in (hours).
    pub session_hours: i64,
    /// A session that is not used ends after so long (minutes).
    pub idle_minutes: i64,
    /// `required`, or `optional`: a sign-in without a one-time code is taken, in development only.
    pub second_factor: SecondFactor,
}

impl Default for PeopleSettings {
    fn default() -> Self {
        Self { session_hours: 12, idle_minutes: 30, second_factor: SecondFactor::Required }
    }
}

/// Whether a one-time code is needed to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactor {
    /// It is.
    #[default]
    Required,
    /// One that is given is checked, one that is missing is not missed.
    Optional,
}

/// Mail to payers.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailSettings {
    /// The server that takes mail to payers, `host:port`; empty: payers are not written to.
    pub server: String,
    /// How it is spoken to: `tls`, `starttls`, or `plain`, in development only.
    pub security: MailSecurity,
    /// Whom mail is from: an address, or `Name <address>`.
    pub from: String,
    /// Our name at the server; empty: no sign-in.
    pub username: String,
    /// The file that holds the password.
    pub password_file: Option<PathBuf>,
    /// Pauses before each further try (seconds). After the last the mail is given up.
    pub retry_seconds: Vec<u64>,
    /// Time-out of one try (seconds), 60 at most.
    pub try_seconds: u64,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self {
            server: String::new(),
            security: MailSecurity::Tls,
            from: String::new(),
            username: String::new(),
            password_file: None,
            // 1 min, 5 min, 30 min, 2 h, 6 h, 15 h: a day in all.
            retry_seconds: vec![60, 300, 1800, 7200, 21_600, 54_000],
            try_seconds: 30,
        }
    }
}

impl MailSettings {
    /// Are payers written to?
    pub fn is_on(&self) -> bool {
        !self.server.is_empty()
    }

    /// Host and port of the server.
    pub fn host_and_port(&self) -> Result<(&str, u16), &'static str> {
        let parts = self.server.rsplit_once(':').ok_or("must be host:port")?;
        let port = parts.1.parse().map_err(|_| "must end in a port")?;
        if parts.0.is_empty() { Err("must begin with a host") } else { Ok((parts.0, port)) }
    }

    /// The password, read from its file.
    pub fn password(&self) -> std::io::Result<zeroize::Zeroizing<String>> {
        let file = self.password_file.as_deref().unwrap_or(std::path::Path::new(""));
        std::fs::read_to_string(file).map(zeroize::Zeroizing::new)
    }

    fn check(&self, mode: Mode) -> Result<(), (&'static str, &'static str)> {
        if !self.is_on() {
            return Ok(());
        }
        self.host_and_port().map_err(|why| ("mail.server", why))?;
        if self.from.parse::<lettre::message::Mailbox>().is_err() {
            return Err(("mail.from", "must be an address, or Name <address>"));
        }
        if mode == Mode::Production && self.security == MailSecurity::Plain {
            return Err(("mail.security", "must be tls or starttls in production"));
        }
        if !self.username.is_empty() && self.password().is_err() {
            return Err(("mail.password_file", "must be a file that can be read"));
        }
        if !(1..=60).contains(&self.try_seconds) {
            return Err(("mail.try_seconds", "must be 1 to 60"));
        }
        Ok(())
    }
}

/// How the server that takes mail is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MailSecurity {
    /// TLS from the first byte.
    #[default]
    Tls,
    /// TLS after a first word in the clear; without it nothing is sent.
    Starttls,
    /// In the clear.
    Plain,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not readable, a field missing, unknown or of the wrong type.
    #[error("settings: {0}")]
    Unreadable(#[from] config::ConfigError),
    /// Readable, but not sensible.
    #[error("settings: {field}: {why}")]
    Wrong {
        /// The field, `section.key`.
        field: &'static str,
        /// What is wrong and the way out.
        why: String,
    },
}

impl Settings {
    /// Reads the settings. `DATABASE_URL` and `AMQP_URL` stand for `database.url` and `broker.url`.
    pub fn read() -> Result<Self, SettingsError> {
        let mut sources = config::Config::builder();
        if let Some(file) = variable("PAYCLEAR_CONFIG") {
            sources = sources.add_source(config::File::new(&file, config::FileFormat::Toml));
        }
        sources = sources
            .set_override_option("database.url", variable("DATABASE_URL"))?
            .set_override_option("broker.url", variable("AMQP_URL"))?
            .add_source(
                config::Environment::with_prefix("PAYCLEAR")
                    .prefix_separator("__")
                    .separator("__")
                    .list_separator(",")
                    .with_list_parse_key("notices.retry_seconds")
                    .with_list_parse_key("mail.retry_seconds")
                    .with_list_parse_key("secrets.previous_master_keys")
                    .try_parsing(true),
            );
        let settings: Self = sources.build()?.try_deserialize()?;
        settings.check()?;
        Ok(settings)
    }

    /// The sandbox's settings: those of the live service with a database and queues of its own;
    /// none when there is no sandbox.
    pub fn for_sandbox(&self) -> Option<Self> {
        if self.sandbox.database_url.is_empty() {
            return None;
        }
        let broker = if self.sandbox.broker_url.is_empty() {
            BrokerSettings {
                url: self.broker.url.clone(),
                prefix: format!("{TEST}{}", self.broker.prefix),
            }
        } else {
            BrokerSettings {
                url: self.sandbox.broker_url.clone(),
                prefix: self.broker.prefix.clone(),
            }
        };
        Some(Self {
            database: DatabaseSettings {
                url: self.sandbox.database_url.clone(),
                connections: self.sandbox.connections,
                ..self.database.clone()
            },
            broker,
            clearing: ClearingSettings {
                standing_partner: self.sandbox.standing_partner.clone(),
                ..self.clearing.clone()
            },
            statements: StatementsSettings { folder: String::new(), ..self.statements.clone() },
            sandbox: SandboxSettings::default(),
            realm: Realm::Sandbox,
            ..self.clone()
        })
    }

    fn check(&self) -> Result<(), SettingsError> {
        let wrong = |field, why: &str| Err(SettingsError::Wrong { field, why: why.to_owned() });
        let same = |one: &str, other: &str| {
            let bare = |text: &str| {
                url::Url::parse(text).ok().map(|url| {
                    (url.host_str().map(str::to_owned), url.port(), url.path().to_owned())
                })
            };
            one == other || (bare(one).is_some() && bare(one) == bare(other))
        };
        if same(&self.sandbox.database_url, &self.database.url)
            && !self.sandbox.database_url.is_empty()
        {
            return wrong("sandbox.database_url", "must be another database than database.url");
        }
        if same(&self.sandbox.broker_url, &self.broker.url) && !self.sandbox.broker_url.is_empty() {
            return wrong(
                "sandbox.broker_url",
                "must be another virtual host than broker.url, or empty",
            );
        }
        let public = url::Url::parse(&self.http.public_url).ok();
        if public.is_none_or(|u| u.cannot_be_a_base() || u.path() != "/" || u.query().is_some()) {
            return wrong(
                "http.public_url",
                "must be an origin such as https://pay.example.gov.vn",
            );
        }
        if self.http.public_url.ends_with('/') {
            return wrong("http.public_url", "must not end with a slash");
        }
        if self.mode == Mode::Production && !self.http.public_url.starts_with("https://") {
            return wrong("http.public_url", "must be https in production");
        }
        if self.cut_off().is_err() {
            return wrong("clearing.cut_off", "must be HH:MM, or empty for midnight");
        }
        if self.files_by().is_err() {
            return wrong("clearing.files_by", "must be HH:MM");
        }
        if self.mode == Mode::Production && self.people.second_factor == SecondFactor::Optional {
            return wrong("people.second_factor", "must be required in production");
        }
        if !(1..=24).contains(&self.people.session_hours)
            || !(1..=24 * 60).contains(&self.people.idle_minutes)
        {
            return wrong("people", "session_hours must be 1 to 24, idle_minutes 1 to 1440");
        }
        if let Err((field, why)) = self.mail.check(self.mode) {
            return wrong(field, why);
        }
        if !(1..=4096).contains(&self.statements.most_megabytes) {
            return wrong("statements.most_megabytes", "must be 1 to 4096");
        }
        if self.clearing.invoice_days < 1 || self.clearing.attempt_minutes < 1 {
            return wrong("clearing", "invoice_days and attempt_minutes must be at least 1");
        }
        Ok(())
    }

    /// The hour by which files of the day before are expected.
    pub fn files_by(&self) -> Result<chrono::NaiveTime, chrono::ParseError> {
        chrono::NaiveTime::parse_from_str(&self.clearing.files_by, "%H:%M")
    }

    /// The cut-off of the business day; none at midnight.
    pub fn cut_off(&self) -> Result<Option<chrono::NaiveTime>, chrono::ParseError> {
        if self.clearing.cut_off.is_empty() {
            return Ok(None);
        }
        chrono::NaiveTime::parse_from_str(&self.clearing.cut_off, "%H:%M").map(Some)
    }
}

/// An environment variable, when it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(mode: &str, people: &serde_json::Value) -> Result<(), SettingsError> {
        let settings = serde_json::json!({
            "mode": mode, "database": { "url": "" }, "broker": { "url": "" },
            "http": { "public_url": "https://pay.example.gov.vn" }, "people": people,
        });
        serde_json::from_value::<Settings>(settings).expect("settings").check()
    }

    #[test]
    fn the_sandbox_has_a_database_and_queues_of_its_own() {
        let with = |sandbox: serde_json::Value| {
            let settings = serde_json::json!({
                "mode": "development", "sandbox": sandbox,
                "database": { "url": "postgres://app:a@db:5432/payclear" },
                "broker": { "url": "amqp://mq:5672/live", "prefix": "p." },
            });
            let settings = serde_json::from_value::<Settings>(settings).expect("settings");
            settings.check().map(|()| settings)
        };
        assert!(with(serde_json::json!({})).expect("good").for_sandbox().is_none());
        let own = serde_json::json!({ "database_url": "postgres://app:a@db:5432/sandbox" });
        let sandbox = with(own).expect("good").for_sandbox().expect("a sandbox");
        assert_eq!(sandbox.realm, Realm::Sandbox);
        assert_eq!(sandbox.database.url, "postgres://app:a@db:5432/sandbox");
        assert_eq!(sandbox.broker.prefix, "test_p.");
        assert!(sandbox.for_sandbox().is_none(), "a sandbox has none");
        for wrong in [
            serde_json::json!({ "database_url": "postgres://other:b@db:5432/payclear" }),
            serde_json::json!({ "database_url": "postgres://app:a@db:5432/s",
                                "broker_url": "amqp://u:p@mq:5672/live" }),
        ] {
            assert!(with(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn mail_needs_a_server_a_sender_and_in_production_a_closed_way() {
        let checked = |mode: &str, mail: serde_json::Value| {
            let settings = serde_json::json!({
                "mode": mode, "database": { "url": "" }, "broker": { "url": "" },
                "http": { "public_url": "https://pay.example.gov.vn" }, "mail": mail,
            });
            serde_json::from_value::<Settings>(settings).expect("settings").check()
        };
        let from = "Thanh toán <pay@example.gov.vn>";
        let good = serde_json::json!({ "server": "mail.example.gov.vn:465", "from": from });
        assert!(checked("production", serde_json::json!({})).is_ok(), "off unless set");
        assert!(checked("production", good.clone()).is_ok());
        for (field, value) in [
            ("server", "mail.example.gov.vn".into()),
            ("server", ":25".into()),
            ("from", "Thanh toán".into()),
            ("security", "plain".into()),
            ("username", "payclear".into()),
            ("try_seconds", 0.into()),
        ] {
            let mut wrong = good.clone();
            wrong[field] = value;
            assert!(checked("production", wrong).is_err(), "{field}");
        }
        let mut plain = good;
        plain["security"] = "plain".into();
        assert!(checked("development", plain).is_ok());
    }

    #[test]
    fn the_second_factor_is_missed_in_production_alone() {
        let optional = serde_json::json!({ "second_factor": "optional" });
        assert!(checked("development", &optional).is_ok());
        assert!(checked("production", &serde_json::json!({})).is_ok());
        let told = checked("production", &optional).expect_err("refused").to_string();
        assert_eq!(told, "settings: people.second_factor: must be required in production");
        for (field, value) in [("session_hours", 0), ("session_hours", 25), ("idle_minutes", 0)] {
            let mut people = serde_json::json!({});
            people[field] = value.into();
            assert!(checked("development", &people).is_err(), "{field} {value}");
        }
    }
}
