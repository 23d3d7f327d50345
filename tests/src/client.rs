//! Programs that ask for a name and speak to whoever has it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::{Launch, program};

/// Stands for the file with the certificate of the authority.
const AUTHORITY: &str = "{authority}";

/// Stands for a directory of the program's own.
const HOME: &str = "{home}";

/// Stands for the fingerprint of the servers' key.
const KEY: &str = "{key}";

/// Stands for the address of the servers.
const SERVER: &str = "{server}";

/// As many names of protocols as make a hello of more than 4 KB.
const LONG_HELLO: &str = "--protocols 160";

/// A program and its words.
#[derive(Clone, Debug)]
pub struct Client {
    program: PathBuf,
    words: Vec<String>,
}

/// What a client has to know of the stage.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// The certificate of the authority, in PEM.
    pub authority: &'a Path,
    /// A directory of the program's own.
    pub home: &'a Path,
    /// The fingerprint of the servers' key.
    pub key: &'a str,
    /// The address of the servers.
    pub server: IpAddr,
}

impl Client {
    /// curl(1), with HTTP/2 where the server offers it.
    pub fn curl(url: &str) -> Self {
        let client = Self::system("curl").words("--silent --show-error --fail --max-time 20");
        client.words(&format!("--cacert {AUTHORITY} {url}"))
    }

    /// As [`Client::curl`], but names are asked for over HTTPS from `dns.name`, whose own name the
    /// resolver is asked for.
    pub fn curl_doh(url: &str) -> Self {
        Self::curl(url).words("--doh-url https://dns.name/dns-query")
    }

    /// wget(1).
    pub fn wget(url: &str) -> Self {
        let client =
            Self::system("wget").words("--quiet --tries=1 --timeout=20 --output-document=-");
        client.words(&format!("--ca-certificate={AUTHORITY} {url}"))
    }

    /// openssl-s_client(1): a handshake and no more.
    pub fn openssl(host: &str) -> Self {
        let words = format!("s_client -connect {host}:443 -servername {host} -brief");
        let client = Self::system("openssl").words(&words).words("-verify_return_error");
        client.words(&format!("-CAfile {AUTHORITY}"))
    }

    /// A program behind an interpreter, with what Python brings.
    pub fn python(url: &str) -> Self {
        let script = format!(
            "import ssl, urllib.request as r\n\
             trust = ssl.create_default_context(cafile='{AUTHORITY}')\n\
             print(r.urlopen('{url}', timeout=20, context=trust).read())"
        );
        Self::system("python3").word("-c").word(&script)
    }

    /// Chromium without a window, over TLS; its hello has a post-quantum key and so two segments.
    pub fn chromium(url: &str) -> Self {
        let words = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                     --no-pings --disable-background-networking --disable-component-update \
                     --disable-extensions --disable-sync --disable-default-apps";
        Self::system("chromium")
            .words(words)
            .words(&format!("--user-data-dir={HOME}/profile"))
            .words(&format!("--ignore-certificate-errors-spki-list={KEY}"))
            .words(&format!("--dump-dom {url}"))
    }

    /// Chromium over QUIC, which it would else use only after an invitation.
    pub fn chromium_quic(host: &str) -> Self {
        let words = format!("--enable-quic --origin-to-force-quic-on={host}:443");
        Self::chromium(&format!("https://{host}/")).words(&words)
    }

    /// HTTP/3 over QUIC version 1, by quinn.
    pub fn quic(host: &str) -> Self {
        Self::ours("quic").words(&format!("--to {host}:443 --authority {AUTHORITY}"))
    }

    /// The same, with a hello so long that it takes four datagrams.
    pub fn quic_long_hello(host: &str) -> Self {
        Self::quic(host).words(LONG_HELLO)
    }

    /// A handshake of QUIC version 2. The name has to be one of [`crate::Zone::quic2`].
    pub fn quic2(host: &str) -> Self {
        Self::ours("quic2").words(&format!("--to {host}:443 --authority {AUTHORITY} --family 4"))
    }

    /// The same, with a hello so long that it takes four datagrams.
    pub fn quic2_long_hello(host: &str) -> Self {
        Self::quic2(host).words(LONG_HELLO)
    }

    /// TLS with a hello of more than 4 KB.
    pub fn tls_long_hello(host: &str) -> Self {
        Self::https(host).words(LONG_HELLO)
    }

    /// The same, with the hello in eleven segments.
    pub fn tls_in_pieces(host: &str) -> Self {
        Self::tls_long_hello(host).words("--pieces 400")
    }

    /// HTTP/1.1 over TLS.
    pub fn https(host: &str) -> Self {
        Self::ours("https").words(&format!("--to {host}:443 --authority {AUTHORITY}"))
    }

    /// A messenger that speaks no TLS: only the resolver hears the name.
    pub fn messenger(host: &str) -> Self {
        Self::ours("raw").words(&format!("--to {host}:5222"))
    }

    /// Asks the resolver for this many names below a domain, and speaks to none of them.
    pub fn lookups(domain: &str, count: u32) -> Self {
        Self::ours("lookups").words(&format!("--to {domain} --count {count}"))
    }

    /// Asks the servers for a name whose first label is these bytes.
    pub fn odd_name(label: &[u8], domain: &str) -> Self {
        let hex: Vec<String> = label.iter().map(|byte| format!("{byte:02x}")).collect();
        let words = format!("--server {SERVER}:53 --hex {} --to {domain}", hex.concat());
        Self::ours("odd").words(&words)
    }

    /// The sales report of a phone vendor: a plain GET with an encrypted parameter, here a harmless
    /// one, acknowledged by `0`.
    pub fn sales_report() -> Self {
        let path = "/eservice/stsReport?reptype=report&msgid=1&repinfo=aGFybWxlc3M";
        let words = format!("--to eservice.tinno.com:80 --path {path} --answer 0");
        Self::ours("http").words(&words).words("--agent Dalvik/2.1.0")
    }

    /// The device manager of another: a POST over TLS.
    pub fn device_manager() -> Self {
        Self::https("open.oneplus.net").words("--method POST --path /cloud/push")
    }

    /// An app that tells a social network that it was opened.
    pub fn social_sdk() -> Self {
        Self::https("graph.facebook.com").words("--path /v16.0/app/activities --method POST")
    }

    fn ours(words: &str) -> Self {
        Self { program: program::anyname(), words: Vec::new() }.words(words)
    }

    /// A program of the system.
    pub fn system(name: &str) -> Self {
        Self { program: program::system(name), words: Vec::new() }
    }

    /// Adds a word.
    pub fn word(mut self, word: &str) -> Self {
        self.words.push(word.to_owned());
        self
    }

    /// Adds words, given as one text with spaces between them.
    pub fn words(self, text: &str) -> Self {
        text.split_whitespace().fold(self, Self::word)
    }

    /// The program, ready to start.
    pub(crate) fn launch(&self, trust: Trust<'_>) -> Launch {
        let places = [
            (AUTHORITY, trust.authority.display().to_string()),
            (HOME, trust.home.display().to_string()),
            (KEY, trust.key.to_owned()),
            (SERVER, trust.server.to_string()),
        ];
        let filled = |word: &String| {
            places.iter().fold(word.clone(), |word, (key, value)| word.replace(key, value))
        };
        self.words.iter().map(filled).fold(Launch::new(&self.program), Launch::arg)
    }
}
