//! The chunked transfer coding (RFC 9112, section 7.1), followed only to find where it ends.
//!
//! It accepts what hyper's decoder accepts, less a line feed alone in trailers, and ends at the same
//! byte. What only hyper refuses, such as trailers over a limit, ends the connection there.

/// A position in a chunked body.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    at: At,
    /// The size of the chunk as far as it was read, then how much of its data is still to come.
    left: u64,
}

/// How far a body was followed.
pub(super) enum Skipped {
    /// Over all of the bytes; the body goes on.
    All,
    /// To its end, which lies behind so many bytes.
    ToEnd(usize),
    /// To what is no chunked coding, which lies behind so many bytes.
    ToFault(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    FirstDigit,
    Digits,
    /// White space between the size and what follows.
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// At the start of a line after the last chunk: a trailer or the end.
    Line,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

impl Chunked {
    /// Follows the body over these bytes.
    pub(super) fn skip(&mut self, bytes: &[u8]) -> Skipped {
        let mut i = 0;
        while i < bytes.len() {
            if self.at == At::Data {
                let taken = (bytes.len() - i).min(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= taken as u64;
                i += taken;
                if self.left == 0 {
                    self.at = At::DataCr;
                }
                continue;
            }
            match self.step(bytes[i]) {
                Some(At::End) => return Skipped::ToEnd(i + 1),
                Some(at) => self.at = at,
                None => return Skipped::ToFault(i),
            }
            i += 1;
        }
        Skipped::All
    }

    fn step(&mut self, byte: u8) -> Option<At> {
        match (self.at, byte) {
            (At::FirstDigit | At::Digits, b) if b.is_ascii_hexdigit() => {
                let digit = u64::from((b as char).to_digit(16)?);
                self.left = self.left.checked_mul(16)?.checked_add(digit)?;
                Some(At::Digits)
            }
            (At::Digits | At::Space, b' ' | b'\t') => Some(At::Space),
            (At::Digits | At::Space, b';') => Some(At::Extension),
            (At::Digits | At::Space | At::Extension, b'\r') => Some(At::SizeLf),
            (At::Extension, b'\n') => None,
            (At::Extension, _) => Some(At::Extension),
            (At::SizeLf, b'\n') => Some(if self.left == 0 { At::Line } else { At::Data }),
            (At::DataCr, b'\r') => Some(At::DataLf),
            (At::DataLf, b'\n') => Some(At::FirstDigit),
            (At::Line, b'\r') => Some(At::EndLf),
            (At::Trailer, b'\r') => Some(At::TrailerLf),
            // To one hop a line ends here, and so may the body; hyper looks on for the next empty line.
            (At::Line | At::Trailer, b'\n') => None,
            (At::Line | At::Trailer, _) => Some(At::Trailer),
            (At::TrailerLf, b'\n') => Some(At::Line),
            (At::EndLf, b'\n') => Some(At::End),
            (
                At::FirstDigit
                | At::Digits
                | At::Space
                | At::SizeLf
                | At::Data
                | At::DataCr
                | At::DataLf
                | At::TrailerLf
                | At::EndLf
                | At::End,
                _,
            ) => None,
        }
    }
}
