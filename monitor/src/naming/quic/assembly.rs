//! Handshake bytes that arrive in pieces and in any order.

use std::fmt;

use super::{CRYPTO_BYTES_MAX, QuicError};

/// The handshake bytes so far: at most [`CRYPTO_BYTES_MAX`].
#[derive(Default)]
pub(super) struct Assembly {
    /// Up to the end of the last piece, zeros where nothing arrived yet.
    bytes: Vec<u8>,
    /// Which of the bytes arrived.
    arrived: Vec<bool>,
    /// Bytes before the first gap.
    prefix: usize,
}

impl Assembly {
    /// Enters a piece, which may overlap others.
    ///
    /// [`QuicError::TooMuch`] when it ends beyond the limit; nothing is entered then.
    /// [`QuicError::Conflict`] when other bytes are there already; the piece is entered up to them.
    pub(super) fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), QuicError> {
        let begin = usize::try_from(offset).map_err(|_| QuicError::TooMuch)?;
        let end = begin.checked_add(data.len()).ok_or(QuicError::TooMuch)?;
        if end > CRYPTO_BYTES_MAX {
            return Err(QuicError::TooMuch);
        }
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
            self.arrived.resize(end, false);
        }
        let places = self.bytes.iter_mut().zip(&mut self.arrived).skip(begin);
        for ((byte, arrived), new) in places.zip(data) {
            if *arrived && byte != new {
                return Err(QuicError::Conflict);
            }
            *byte = *new;
            *arrived = true;
        }
        let beyond = self.arrived.iter().skip(self.prefix);
        self.prefix += beyond.take_while(|arrived| **arrived).count();
        Ok(())
    }

    /// The bytes before the first gap.
    pub(super) fn prefix(&self) -> &[u8] {
        self.bytes.get(..self.prefix).unwrap_or_default()
    }
}

/// Without the bytes: they are what a client said.
impl fmt::Debug for Assembly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assembly")
            .field("bytes", &self.bytes.len())
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}
