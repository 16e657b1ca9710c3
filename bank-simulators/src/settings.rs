//! What the simulators are told at start: from options or from the environment.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

use clap::Args;

use crate::sepay::codec::Proof;

/// A secret that never shows in logs.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for signing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hidden]")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// By how much the partners' pauses between two tries are shortened: millionths, so that no
/// fraction is ever held in a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryScale {
    millionths: u64,
}

impl RetryScale {
    /// A partner's own pause, scaled, in milliseconds.
    pub fn milliseconds(self, seconds: u64) -> u64 {
        seconds.saturating_mul(1_000).saturating_mul(self.millionths) / 1_000_000
    }
}

/// Why a text is no retry scale.
#[derive(Debug, thiserror::Error)]
#[error("a retry scale is a decimal such as 1 or 0.001 with at most six decimals")]
pub struct BadScale;

impl FromStr for RetryScale {
    type Err = BadScale;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if fraction.len() > 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadScale);
        }
        let whole: u64 = whole.parse().map_err(|_| BadScale)?;
        let fraction: u64 = format!("{fraction:0<6}").parse().map_err(|_| BadScale)?;
        let millionths = whole
            .checked_mul(1_000_000)
            .and_then(|whole| whole.checked_add(fraction))
            .ok_or(BadScale)?;
        Ok(Self { millionths })
    }
}

/// All settings of `serve`.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The address to serve on.
    #[arg(long, env = "SIM_LISTEN", default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// How payers reach the simulators; the listening address when absent.
    #[arg(long, env = "SIM_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Where the journals lie.
    #[arg(long, env = "SIM_JOURNAL_DIR")]
    pub journal_dir: PathBuf,
    /// The service that the banks report to.
    #[arg(long, env = "SIM_PAYCLEAR_URL")]
    pub payclear_url: String,
    /// Factor on the real pauses between retries, for example 0.001.
    #[arg(long, env = "SIM_RETRY_SCALE", default_value = "1")]
    pub retry_scale: RetryScale,
    /// How many seconds the banks' clock stands behind the machine's, as the service's does.
    #[arg(long, env = "SIM_CLOCK_BEHIND", default_value_t = 0)]
    pub clock_behind: u32,
    /// How long a bank waits for the answer to a callback.
    #[arg(long, env = "SIM_CALLBACK_TIMEOUT_MS", default_value_t = 30_000)]
    pub callback_timeout_ms: u64,
    /// How many callbacks may be under way at once.
    #[arg(long, env = "SIM_CALLBACKS_AT_ONCE", default_value_t = 128)]
    pub callbacks_at_once: usize,

    /// The partner code of the payOS-shaped bank.
    #[arg(long, env = "SIM_PAYOS_PARTNER", default_value = "samplebank")]
    pub payos_partner: String,
    /// The client id the payOS-shaped bank expects.
    #[arg(long, env = "SIM_PAYOS_CLIENT_ID")]
    pub payos_client_id: String,
    /// The API key the payOS-shaped bank expects.
    #[arg(long, env = "SIM_PAYOS_API_KEY", hide_env_values = true)]
    pub payos_api_key: Secret,
    /// The checksum key shared with the payOS-shaped bank.
    #[arg(long, env = "SIM_PAYOS_CHECKSUM_KEY", hide_env_values = true)]
    pub payos_checksum_key: Secret,
    /// The BIN of the payOS-shaped bank.
    #[arg(long, env = "SIM_PAYOS_BIN", default_value = "970418")]
    pub payos_bin: String,
    /// The main collecting account at the payOS-shaped bank.
    #[arg(long, env = "SIM_PAYOS_ACCOUNT", default_value = "1200099887766")]
    pub payos_account: String,

    /// The partner code of the VNPAY-shaped gateway.
    #[arg(long, env = "SIM_VNPAY_PARTNER", default_value = "vnpay")]
    pub vnpay_partner: String,
    /// The merchant's terminal code.
    #[arg(long, env = "SIM_VNPAY_TMN_CODE")]
    pub vnpay_tmn_code: String,
    /// The merchant's hash secret.
    #[arg(long, env = "SIM_VNPAY_HASH_SECRET", hide_env_values = true)]
    pub vnpay_hash_secret: Secret,

    /// The partner code of the MoMo-shaped wallet.
    #[arg(long, env = "SIM_MOMO_PARTNER", default_value = "momo")]
    pub momo_partner: String,
    /// The merchant's code there.
    #[arg(long, env = "SIM_MOMO_PARTNER_CODE")]
    pub momo_partner_code: String,
    /// The merchant's access key, part of every signed text.
    #[arg(long, env = "SIM_MOMO_ACCESS_KEY", hide_env_values = true)]
    pub momo_access_key: Secret,
    /// The merchant's secret key.
    #[arg(long, env = "SIM_MOMO_SECRET_KEY", hide_env_values = true)]
    pub momo_secret_key: Secret,

    /// The partner code of the ZaloPay-shaped wallet.
    #[arg(long, env = "SIM_ZALOPAY_PARTNER", default_value = "zalopay")]
    pub zalopay_partner: String,
    /// The merchant's number there.
    #[arg(long, env = "SIM_ZALOPAY_APP_ID")]
    pub zalopay_app_id: String,
    /// The key of the merchant's calls.
    #[arg(long, env = "SIM_ZALOPAY_KEY1", hide_env_values = true)]
    pub zalopay_key1: Secret,
    /// The key of the callbacks.
    #[arg(long, env = "SIM_ZALOPAY_KEY2", hide_env_values = true)]
    pub zalopay_key2: Secret,
    /// The partner code of the account that SePay watches.
    #[arg(long, env = "SIM_SEPAY_PARTNER", default_value = "sepay")]
    pub sepay_partner: String,
    /// How its webhook proves itself: hmac or apikey.
    #[arg(long, env = "SIM_SEPAY_AUTHENTICATION", default_value = "hmac")]
    pub sepay_authentication: Proof,
    /// The secret of the HMAC, or the API key.
    #[arg(long, env = "SIM_SEPAY_SECRET", hide_env_values = true)]
    pub sepay_secret: Secret,
    /// The BIN of its bank.
    #[arg(long, env = "SIM_SEPAY_BIN", default_value = "970422")]
    pub sepay_bin: String,
    /// The account.
    #[arg(long, env = "SIM_SEPAY_ACCOUNT", default_value = "0560009988776")]
    pub sepay_account: String,

    /// MaDoiTac of the dossier system.
    #[arg(long, env = "SIM_DOSSIER_PARTNER_CODE", default_value = "SIMDT01")]
    pub dossier_partner_code: String,
    /// Its secret; without one it says nothing.
    #[arg(long, env = "SIM_DOSSIER_SECRET", hide_env_values = true)]
    pub dossier_secret: Option<Secret>,

    /// The partner code of the bank that speaks the plain signed API.
    #[arg(long, env = "SIM_DIRECT_PARTNER", default_value = "directbank")]
    pub direct_partner: String,
    /// Its BIN.
    #[arg(long, env = "SIM_DIRECT_BIN", default_value = "970436")]
    pub direct_bin: String,
    /// The collecting account there.
    #[arg(long, env = "SIM_DIRECT_ACCOUNT", default_value = "0011009988776")]
    pub direct_account: String,
    /// The key id that the service gave to that bank; may also come later by `/control/keys`.
    #[arg(long, env = "SIM_BANK_KEY_ID")]
    pub bank_key_id: Option<String>,
    /// The secret of that key, base64.
    #[arg(long, env = "SIM_BANK_SECRET", hide_env_values = true)]
    pub bank_secret: Option<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_shortens_real_pauses_without_floats() {
        let scale: RetryScale = "0.001".parse().unwrap();
        assert_eq!(scale.milliseconds(300), 300);
        assert_eq!("1".parse::<RetryScale>().unwrap().milliseconds(60), 60_000);
        assert_eq!("0".parse::<RetryScale>().unwrap().milliseconds(60), 0);
        assert!("-1".parse::<RetryScale>().is_err());
        assert!("0.0000001".parse::<RetryScale>().is_err());
    }
}
