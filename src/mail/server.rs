//! The server that takes our mail, as the settings name it.

use std::time::Duration;

use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncTransport, Message, Tokio1Executor};

use crate::platform::settings::{MailSecurity, MailSettings};

/// Why a mail did not leave.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The server does not take it and will not.
    #[error("refused: {0}")]
    Refused(lettre::transport::smtp::Error),
    /// Not now.
    #[error("not taken: {0}")]
    NotNow(lettre::transport::smtp::Error),
    /// No end in its time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// Our side: the settings cannot be used.
    #[error("settings of mail: {0}")]
    Settings(String),
}

/// Hands one mail over.
pub async fn hand_over(settings: &MailSettings, mail: Message) -> Result<(), ServerError> {
    let within = Duration::from_secs(settings.try_seconds.clamp(1, 60));
    let transport = transport(settings, within)?;
    match tokio::time::timeout(within, transport.send(mail)).await {
        Err(_) => Err(ServerError::TimedOut(within)),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.is_permanent() => Err(ServerError::Refused(error)),
        Ok(Err(error)) => Err(ServerError::NotNow(error)),
    }
}

/// A connection for each mail: they are few, and one that hangs holds up no other.
fn transport(
    settings: &MailSettings,
    within: Duration,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, ServerError> {
    let wrong = |why: String| ServerError::Settings(why);
    let (host, port) = settings.host_and_port().map_err(|e| wrong(e.to_owned()))?;
    let tls = || TlsParameters::new(host.to_owned()).map_err(|e| wrong(e.to_string()));
    let tls = match settings.security {
        MailSecurity::Tls => Tls::Wrapper(tls()?),
        MailSecurity::Starttls => Tls::Required(tls()?),
        MailSecurity::Plain => Tls::None,
    };
    let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
        .port(port)
        .tls(tls)
        .timeout(Some(within));
    if !settings.username.is_empty() {
        let password = settings.password().map_err(|e| wrong(e.to_string()))?;
        let password = password.trim_end_matches(['\r', '\n']).to_owned();
        transport = transport.credentials(Credentials::new(settings.username.clone(), password));
    }
    Ok(transport.build())
}
