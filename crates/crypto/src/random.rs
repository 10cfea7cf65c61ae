//! Random bytes, from the operating system alone.
//!
//! A generator inside the process would be faster, and would repeat itself after a fork or in a
//! cloned virtual machine.

use rand::TryRng;
use rand::rngs::SysRng;
use zeroize::Zeroizing;

use crate::Error;

/// Returns `N` random bytes that are wiped when dropped.
pub(crate) fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, Error> {
    let mut bytes = Zeroizing::new([0; N]);
    fill(bytes.as_mut_slice())?;
    Ok(bytes)
}

/// Fills `target` with random bytes.
pub(crate) fn fill(target: &mut [u8]) -> Result<(), Error> {
    SysRng.try_fill_bytes(target).map_err(|_| Error::Random)
}
