//! Hellos that other programs sent, for tests and benchmarks. Each file says how it was made.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

/// What a file of `fixtures/hello` holds: blocks of hexadecimal digits with blank lines between them,
/// under comments.
pub(crate) fn blocks(text: &str) -> Vec<Vec<u8>> {
    let lines = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>();
    let blocks = lines.split(|line| line.is_empty()).map(|lines| hex(&lines.concat()));
    blocks.filter(|block| !block.is_empty()).collect()
}

/// Bytes from hexadecimal digits.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "two digits are a byte");
    let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal digits")).collect()
}

macro_rules! hellos {
    ($($name:ident = $file:literal;)*) => {
        $(pub(crate) const $name: &str = include_str!(concat!("../../../fixtures/hello/", $file));)*
    };
}

hellos! {
    OPENSSL_TLS13 = "openssl-tls13.hex";
    OPENSSL_TLS12 = "openssl-tls12.hex";
    OPENSSL_TLS10 = "openssl-tls10.hex";
    OPENSSL_NO_SNI = "openssl-no-sni.hex";
    CURL = "curl.hex";
    CURL_ADDRESS = "curl-address.hex";
    PYTHON = "python.hex";
    NODE = "node.hex";
    CHROME = "chrome.hex";
    FIREFOX = "firefox.hex";
    RFC_9001 = "rfc9001.hex";
    RFC_9369 = "rfc9369.hex";
    AIOQUIC_V1 = "aioquic-v1.hex";
    AIOQUIC_V2 = "aioquic-v2.hex";
    AIOQUIC_RETRY = "aioquic-retry.hex";
    AIOQUIC_LONG = "aioquic-long.hex";
    NGTCP2 = "ngtcp2.hex";
}
