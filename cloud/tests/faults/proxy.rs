//! A wire that fails: TCP through this process, and each connection cut, deafened or slowed as a test says.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use crate::terminal::PATIENCE;

/// What becomes of the bytes that a connection carries from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// They arrive.
    Whole,
    /// The connection is gone for both ends.
    Cut,
    /// They vanish, and neither end is told.
    HalfOpen,
    /// What the terminal says vanishes.
    Mute,
    /// What the cloud says vanishes.
    Deaf,
    /// They come one by one.
    Slow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

impl Fate {
    fn swallows(self, way: Way) -> bool {
        match self {
            Self::HalfOpen => true,
            Self::Mute => way == Way::Up,
            Self::Deaf => way == Way::Down,
            Self::Whole | Self::Cut | Self::Slow => false,
        }
    }
}

/// One connection through the proxy.
pub struct Wire {
    fate: watch::Sender<Fate>,
    /// Bytes that went up.
    passed: watch::Receiver<u64>,
}

impl Wire {
    /// From now on. What vanished is missing for good, so that a connection is never whole again after it.
    pub fn suffers(&self, fate: Fate) {
        self.fate.send_replace(fate);
    }

    /// Waits until so many bytes went up; `false` when the connection ended before.
    pub async fn passes(&mut self, bytes: u64) -> bool {
        let passed = self.passed.wait_for(|passed| *passed >= bytes);
        let passed = tokio::time::timeout(PATIENCE, passed).await;
        passed.expect("something is sent").is_ok()
    }

    /// Bytes that went up so far.
    pub fn bytes(&self) -> u64 {
        *self.passed.borrow()
    }
}

/// A proxy to the cloud.
pub struct Proxy {
    pub address: SocketAddr,
    wires: mpsc::UnboundedReceiver<Wire>,
}

impl Proxy {
    pub async fn to(cloud: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, wires) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((terminal, _)) = listener.accept().await {
                let cloud = TcpStream::connect(cloud).await.unwrap();
                let (fate, suffered) = watch::channel(Fate::Whole);
                let (count, passed) = watch::channel(0);
                let (from_terminal, to_terminal) = terminal.into_split();
                let (from_cloud, to_cloud) = cloud.into_split();
                let up = carry(
                    from_terminal,
                    to_cloud,
                    Way::Up,
                    suffered.clone(),
                    Some(count),
                );
                tokio::spawn(up);
                tokio::spawn(carry(from_cloud, to_terminal, Way::Down, suffered, None));
                if tell.send(Wire { fate, passed }).is_err() {
                    return;
                }
            }
        });
        Self { address, wires }
    }

    /// Waits for the next connection.
    pub async fn wire(&mut self) -> Wire {
        let wire = tokio::time::timeout(PATIENCE * 2, self.wires.recv()).await;
        wire.expect("the terminal connects again").unwrap()
    }
}

/// Carries bytes one way until the connection ends or is cut.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: Way,
    mut fate: watch::Receiver<Fate>,
    count: Option<watch::Sender<u64>>,
) {
    let mut bytes = [0; 4096];
    loop {
        let now = *fate.borrow_and_update();
        let most = match now {
            Fate::Cut => return,
            Fate::Slow => 1,
            _ => bytes.len(),
        };
        let read = tokio::select! {
            read = from.read(&mut bytes[..most]) => read,
            changed = fate.changed() => match changed {
                Ok(()) => continue,
                // Whoever could change it is through with it: it goes on as it is.
                Err(_) => from.read(&mut bytes[..most]).await,
            },
        };
        let Ok(read @ 1..) = read else {
            if now.swallows(way) {
                // That the other end has gone does not arrive either.
                let _ = fate.wait_for(|fate| *fate == Fate::Cut).await;
            }
            return;
        };
        if now == Fate::Slow {
            // This is the slowness itself.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if !now.swallows(way) && to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
        if let Some(count) = &count {
            count.send_modify(|passed| *passed += read as u64);
        }
    }
}
