//! The byte form of facts: numbered fields, each a variable-length integer or a run of bytes (the layout of protocol
//! buffers). A field that is not known is skipped and a field that is missing reads as zero or empty, so kinds and fields
//! can be added and old bytes decode for ever.

use thiserror::Error;

/// Why bytes are no fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WireError {
    /// They end within a field.
    #[error("the bytes end within a field")]
    Truncated,
    /// A field of a type that was never written.
    #[error("field {0} has an unknown type")]
    UnknownType(u64),
    /// A field whose value is out of its range.
    #[error("field {0} is out of range")]
    OutOfRange(u64),
    /// A kind of fact this version does not know: written by a newer one.
    #[error("a fact of kind {0}, which this version does not know")]
    UnknownKind(u64),
}

/// Writes fields; zero and empty values are left out.
#[derive(Debug, Default)]
pub struct FieldWriter(Vec<u8>);

impl FieldWriter {
    /// A number.
    #[must_use]
    pub fn number(mut self, field: u64, value: u64) -> Self {
        if value != 0 {
            self.varint(field << 1);
            self.varint(value);
        }
        self
    }

    /// A number with a sign, zigzag-coded.
    #[must_use]
    pub fn signed(self, field: u64, value: i64) -> Self {
        #[expect(clippy::cast_sign_loss, reason = "zigzag keeps every bit")]
        self.number(field, ((value << 1) ^ (value >> 63)) as u64)
    }

    /// A text.
    #[must_use]
    pub fn text(mut self, field: u64, value: &str) -> Self {
        if !value.is_empty() {
            self.varint(field << 1 | 1);
            self.varint(value.len() as u64);
            self.0.extend(value.as_bytes());
        }
        self
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push((value & 0x7f) as u8);
    }
}

/// The fields of a fact, read once.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    numbers: Vec<(u64, u64)>,
    texts: Vec<(u64, &'a [u8])>,
}

impl<'a> Fields<'a> {
    /// Reads all fields.
    pub fn read(mut bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut fields = Self::default();
        while !bytes.is_empty() {
            let key = take_varint(&mut bytes)?;
            let value = take_varint(&mut bytes)?;
            if key & 1 == 0 {
                fields.numbers.push((key >> 1, value));
            } else {
                let len = usize::try_from(value).map_err(|_| WireError::OutOfRange(key >> 1))?;
                let (text, rest) = bytes.split_at_checked(len).ok_or(WireError::Truncated)?;
                fields.texts.push((key >> 1, text));
                bytes = rest;
            }
        }
        Ok(fields)
    }

    /// A number; zero when missing.
    pub fn number(&self, field: u64) -> u64 {
        self.numbers.iter().find(|(f, _)| *f == field).map_or(0, |(_, v)| *v)
    }

    /// A number that must fit `T`.
    pub fn small<T: TryFrom<u64>>(&self, field: u64) -> Result<T, WireError> {
        T::try_from(self.number(field)).map_err(|_| WireError::OutOfRange(field))
    }

    /// A number with a sign.
    pub fn signed(&self, field: u64) -> i64 {
        let value = self.number(field);
        #[expect(clippy::cast_possible_wrap, reason = "zigzag keeps every bit")]
        let value = ((value >> 1) as i64) ^ -((value & 1) as i64);
        value
    }

    /// A text; empty when missing.
    pub fn text(&self, field: u64) -> String {
        let bytes = self.texts.iter().find(|(f, _)| *f == field).map_or(&[][..], |(_, v)| v);
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// All texts of a repeated field.
    pub fn texts(&self, field: u64) -> Vec<String> {
        let all = self.texts.iter().filter(|(f, _)| *f == field);
        all.map(|(_, v)| String::from_utf8_lossy(v).into_owned()).collect()
    }
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(WireError::Truncated)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(WireError::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fields_come_back(a in any::<u64>(), b in any::<i64>(), c in ".{0,300}") {
            let bytes = FieldWriter::default().number(1, a).signed(70, b).text(3, &c).finish();
            let fields = Fields::read(&bytes).unwrap();
            prop_assert_eq!((fields.number(1), fields.signed(70), fields.text(3)), (a, b, c));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Fields::read(&bytes);
        }
    }
}
