//! A line to a server that can be cut, and be mended.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// At which side of a message the line is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// The server never gets it.
    BeforeIt,
    /// The server gets it and answers; the answer never arrives.
    AfterIt,
}

/// What the line is cut at, once.
type Mark = Arc<Mutex<Option<(Vec<u8>, Where)>>>;

/// A proxy on a port of its own; it ends with this value.
pub struct Line {
    pub port: u16,
    whole: Arc<watch::Sender<bool>>,
    mark: Mark,
    accepting: tokio::task::JoinHandle<()>,
}

impl Line {
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let whole = Arc::new(watch::Sender::new(true));
        let mark = Mark::default();
        let (state, marked) = (Arc::clone(&whole), Arc::clone(&mark));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // A connection that comes while the line is cut is dropped at once.
                if *state.borrow() {
                    let marked = Arc::clone(&marked);
                    tokio::spawn(carry(client, target.clone(), state.subscribe(), marked));
                }
            }
        });
        Self { port, whole, mark, accepting }
    }

    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }

    /// The next connection that carries these bytes is cut there; all others stay whole.
    pub fn cut_once(&self, at: &[u8], place: Where) {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = Some((at.to_owned(), place));
    }

    /// Was a connection cut where it was to be?
    pub fn was_cut(&self) -> bool {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// The same address, over this line.
    pub fn instead_of(&self, url: &str) -> String {
        let mut url: url::Url = url.parse().expect("an address");
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.port)).expect("a port");
        url.into()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(client: TcpStream, target: String, mut whole: watch::Receiver<bool>, mark: Mark) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = copy(client, server, &mark) => {}
        _ = whole.wait_for(|whole| !whole) => {}
    }
}

/// Carries both ways until one side ends, or until the mark.
async fn copy(mut client: TcpStream, mut server: TcpStream, mark: &Mark) -> io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let sent = &asked[..read?];
                if sent.is_empty() {
                    return Ok(());
                }
                match taken(mark, sent) {
                    Some(Where::BeforeIt) => return Ok(()),
                    Some(Where::AfterIt) => {
                        server.write_all(sent).await?;
                        // Answered, so it is done.
                        let _answer = server.read(&mut answered).await?;
                        return Ok(());
                    }
                    None => server.write_all(sent).await?,
                }
            }
            read = server.read(&mut answered) => {
                let said = &answered[..read?];
                if said.is_empty() {
                    return Ok(());
                }
                client.write_all(said).await?;
            }
        }
    }
}

/// Takes the mark away when these bytes hold it.
fn taken(mark: &Mark, sent: &[u8]) -> Option<Where> {
    let mut mark = mark.lock().unwrap_or_else(PoisonError::into_inner);
    let held = |(at, _): &mut (Vec<u8>, Where)| sent.windows(at.len()).any(|part| part == at);
    mark.take_if(held).map(|(_, place)| place)
}
