//! Connections that we open: to addresses that portals registered, and to partners.
//!
//! A portal chooses the address that its notices go to, so it must not be able to choose one
//! inside our own network. The address is judged where the connection is made: the resolver hands
//! on only addresses that it has judged, and the connection goes to exactly those, so a name that
//! answers differently the second time gains nothing. Addresses written as numbers never reach a
//! resolver and are judged by [`check_url`]. Redirects are not followed and proxies named by the
//! environment are not used.

mod addresses;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, Method, RequestBuilder, redirect};
use url::{Host, Url};

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE_CALL: Duration = Duration::from_secs(15);
const IDLE: Duration = Duration::from_secs(30);
const USER_AGENT: &str = concat!("payclear/", env!("CARGO_PKG_VERSION"));

/// Which addresses may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// https to globally routable addresses.
    Public,
    /// Also http and https to this machine. For development only.
    LoopbackToo,
}

impl Policy {
    fn allows(self, address: IpAddr) -> bool {
        addresses::is_public(address)
            || (self == Self::LoopbackToo && address.to_canonical().is_loopback())
    }
}

/// Why an address is not one that we call. Told to whoever registers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// Not readable as a URL with a host.
    #[error("this is not a URL")]
    NotAUrl,
    /// Another scheme than https.
    #[error("only https is allowed")]
    Scheme,
    /// `user:password@`.
    #[error("a URL that is called may not hold a user name or password")]
    UserInfo,
    /// Port 0.
    #[error("port 0 cannot be called")]
    Port,
    /// A number or name that is not on the public internet.
    #[error("the address is not on the public internet")]
    NotPublic,
}

/// A name leads to an address that we do not call.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not on the public internet")]
struct NameRefused;

/// Whether a URL may be called, as far as its text tells. What a name leads to is judged when it
/// is called.
pub fn check_url(url: &str, policy: Policy) -> Result<Url, UrlRefused> {
    let url = Url::parse(url).map_err(|_| UrlRefused::NotAUrl)?;
    check(&url, policy)?;
    Ok(url)
}

fn check(url: &Url, policy: Policy) -> Result<(), UrlRefused> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlRefused::UserInfo);
    }
    // The parser has already read every spelling of an IPv4 number (0x7f000001, 017700000001,
    // 127.1) into the number that it is.
    let loopback = match url.host().ok_or(UrlRefused::NotAUrl)? {
        Host::Ipv4(address) => literal(address.into(), policy)?,
        Host::Ipv6(address) => literal(address.into(), policy)?,
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            let local = name == "localhost" || name.ends_with(".localhost");
            if name.is_empty() || (local && policy == Policy::Public) {
                return Err(UrlRefused::NotPublic);
            }
            local
        }
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err(UrlRefused::Scheme),
    }
    if url.port() == Some(0) { Err(UrlRefused::Port) } else { Ok(()) }
}

/// Judges an address written as a number; true when it is this machine.
fn literal(address: IpAddr, policy: Policy) -> Result<bool, UrlRefused> {
    if policy.allows(address) {
        Ok(address.to_canonical().is_loopback())
    } else {
        Err(UrlRefused::NotPublic)
    }
}

/// The client for addresses that portals registered.
#[derive(Debug, Clone)]
pub struct Egress {
    client: Client,
    policy: Policy,
}

impl Egress {
    /// Opens nothing yet.
    pub fn new(policy: Policy) -> reqwest::Result<Self> {
        Self::with_lookup(policy, Arc::new(|name| Box::pin(ask_system(name))))
    }

    fn with_lookup(policy: Policy, lookup: Lookup) -> reqwest::Result<Self> {
        let client = plain()
            .timeout(WHOLE_CALL)
            .dns_resolver(Guarded { policy, lookup })
            .pool_idle_timeout(IDLE)
            .build()?;
        Ok(Self { client, policy })
    }

    /// Begins a request, when its address is one that may be called. The answer's body is the
    /// other side's: the caller reads no more of it than it needs.
    pub fn request(&self, method: Method, url: &str) -> Result<RequestBuilder, UrlRefused> {
        let url = check_url(url, self.policy)?;
        Ok(self.client.request(method, url))
    }
}

/// The client for partners, whose addresses officers configured: any address, kept-alive
/// connections; whoever calls sets the time-out of the call.
pub fn partner_client() -> reqwest::Result<Client> {
    plain().pool_idle_timeout(Duration::from_secs(90)).build()
}

/// What both clients share.
fn plain() -> reqwest::ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls())
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
}

/// TLS with the machine's certificate authorities, which its operator can add to or take from, or
/// with Mozilla's when the machine has none.
fn tls() -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Turns a name into addresses; tests answer themselves.
type Lookup =
    Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

async fn ask_system(name: String) -> std::io::Result<Vec<SocketAddr>> {
    // Port 0 is replaced by that of the URL.
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

/// A resolver that hands on only what it has judged.
struct Guarded {
    policy: Policy,
    lookup: Lookup,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, answer) = (self.policy, (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            let found = answer.await?;
            // One bad address spoils the answer: an honest name has none.
            if found.iter().any(|address| !policy.allows(address.ip())) {
                return Err(NameRefused.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests;
