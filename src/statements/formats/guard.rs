//! A reader that counts lines and does not let one piece of a file grow without end.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// The longest piece (an element's text, a row) in bytes; no format has one of a thousandth of it.
const LONGEST_PIECE: u64 = 1 << 20;

/// Counts what goes through.
#[derive(Debug, Clone, Default)]
pub struct Count(Rc<Cell<(u64, u64)>>);

impl Count {
    /// The line that is read, from 1.
    pub fn line(&self) -> u64 {
        self.0.get().0 + 1
    }

    /// A piece has ended.
    pub fn piece_ends(&self) {
        self.0.set((self.0.get().0, 0));
    }

    /// Is the piece under way too long?
    pub fn is_too_long(&self) -> bool {
        self.0.get().1 > LONGEST_PIECE
    }
}

/// A reader that is watched.
#[derive(Debug)]
pub struct Guarded<R> {
    inner: R,
    count: Count,
}

impl<R: BufRead> Guarded<R> {
    /// Watches a reader.
    pub fn new(inner: R) -> Self {
        Self { inner, count: Count::default() }
    }

    /// The count, which goes on while it is read.
    pub fn count(&self) -> Count {
        self.count.clone()
    }
}

impl<R: BufRead> Read for Guarded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(buffer.len());
        buffer[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl<R: BufRead> BufRead for Guarded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.count.is_too_long() {
            // Told apart by `is_too_long`, whatever the parser makes of it.
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a piece is too long"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Ok(bytes) = self.inner.fill_buf() {
            let passed = &bytes[..amount.min(bytes.len())];
            let lines = passed.split(|b| *b == b'\n').skip(1).count() as u64;
            let (before, piece) = self.count.0.get();
            self.count.0.set((before + lines, piece + amount as u64));
        }
        self.inner.consume(amount);
    }
}
