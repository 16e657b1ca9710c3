//! CRC-16/CCITT-FALSE: polynomial 1021, start FFFF, nothing reflected, nothing added.

/// The CRC of the bytes.
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_check_value_is_that_of_the_catalogue() {
        assert_eq!(super::crc16(b"123456789"), 0x29B1);
    }
}
