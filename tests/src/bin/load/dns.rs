//! Questions to a name server, and the answers (RFC 1035).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::random::Random;

/// The port of name servers (RFC 1035, 4.2).
pub(crate) const PORT: u16 = 53;

/// The first of the addresses that names stand for; RFC 2544, C.2.2, sets 131,072 apart for benchmarks.
const FIRST: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
const ADDRESSES_MAX: u32 = 1 << 17;

/// A name that is asked for again and again.
const FIXED: &str = "00000000.example";

/// Bytes of the header and of the length of the first label: digits of an address come next.
const DIGITS: usize = 12 + 1;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks one server, from one socket, for one thing at a time.
pub(crate) struct Client {
    socket: UdpSocket,
    id: u16,
}

impl Client {
    pub(crate) fn new(server: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind("0.0.0.0:0")?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { socket, id: 0 })
    }

    /// Asks for the same name each time.
    pub(crate) fn again(&mut self) -> Result<()> {
        self.ask(FIXED)
    }

    fn ask(&mut self, name: &str) -> Result<()> {
        self.id = self.id.wrapping_add(1);
        self.socket.send(&query(self.id, name))?;
        let mut bytes = [0; 512];
        let length = self.socket.recv(&mut bytes).context("no answer")?;
        ensure!(bytes.get(..2) == Some(&self.id.to_be_bytes()), "an answer to something else");
        ensure!(length > 2 && bytes[7] == 1, "not one address");
        Ok(())
    }
}

/// Asks for random names that are as long as names get (RFC 1035, 2.3.4), one after the other. They stand
/// for so many addresses.
pub(crate) fn ask(server: SocketAddr, first: u32, count: u32, addresses: u32) -> Result<()> {
    ensure!((1..=ADDRESSES_MAX).contains(&addresses), "not so many addresses: {addresses}");
    let mut client = Client::new(server)?;
    let mut random = Random::new(first);
    for number in first..first.saturating_add(count) {
        let [first, second, third, last] = [55, 63, 53, 63].map(|count| random.digits(count));
        let address = number % addresses;
        client.ask(&format!("{address:08x}{first}.{second}.{third}.{last}.example"))?;
    }
    Ok(())
}

/// Answers until the socket fails: the first eight digits of a name say which address it has.
pub(crate) fn serve(socket: &UdpSocket) -> io::Result<()> {
    let mut bytes = [0; 512];
    loop {
        let (length, peer) = socket.recv_from(&mut bytes)?;
        if let Some(answer) = bytes.get(..length).and_then(answer) {
            socket.send_to(&answer, peer)?;
        }
    }
}

/// A question for the IPv4 address of a name.
fn query(id: u16, name: &str) -> Vec<u8> {
    let mut bytes = id.to_be_bytes().to_vec();
    // A recursive query with one question.
    bytes.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        bytes.extend(u8::try_from(label.len()));
        bytes.extend(label.as_bytes());
    }
    bytes.extend([0, 0, 1, 0, 1]);
    bytes
}

fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let digits = std::str::from_utf8(query.get(DIGITS..DIGITS + 8)?).ok()?;
    let number = u32::from_str_radix(digits, 16).ok()? % ADDRESSES_MAX;
    let address = Ipv4Addr::from(u32::from(FIRST).wrapping_add(number));
    let mut bytes = query.to_vec();
    bytes.get_mut(2..8)?.copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
    // The name of the question, A, IN, 300 seconds, 4 bytes.
    bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0x2c, 0, 4]);
    bytes.extend(address.octets());
    Some(bytes)
}
