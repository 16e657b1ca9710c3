//! Why a text is no payload, or a payload cannot be written.

/// One reason; `field` is the path of ids, `38-01-00` for the BIN.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    /// More than a QR code of this kind holds.
    #[error("{characters} characters, at most 512")]
    TooLong {
        /// How many there are.
        characters: usize,
    },
    /// The text does not end in `6304` and four hex digits.
    #[error("no CRC: a payload ends in 6304 and four upper-case hex digits")]
    NoCrc,
    /// The CRC is that of another text.
    #[error("wrong CRC: computed {computed:04X}, found {found}")]
    Crc {
        /// Of the text as it is.
        computed: u16,
        /// In the text.
        found: String,
    },
    /// An id or a length is not two digits.
    #[error("byte {at}: two digits expected")]
    Digits {
        /// Where, in the text or in the template.
        at: usize,
    },
    /// A field says it is longer than what is left, or empty.
    #[error("field {id:02} says {length} characters, {left} are left")]
    Length {
        /// Which.
        id: u8,
        /// Said.
        length: usize,
        /// There.
        left: usize,
    },
    /// A field twice on one level.
    #[error("field {id:02} is there twice")]
    Repeated {
        /// Which.
        id: u8,
    },
    /// A field that has to be there is not.
    #[error("field {field} is missing")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// A field that has no place here.
    #[error("field {id:02} does not belong into {template}")]
    Stranger {
        /// Where.
        template: &'static str,
        /// Which.
        id: u8,
    },
    /// A value outside of what its field may hold.
    #[error("field {field}: {why}")]
    Value {
        /// Which.
        field: &'static str,
        /// What it may hold.
        why: &'static str,
    },
}
