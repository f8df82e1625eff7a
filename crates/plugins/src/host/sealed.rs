//! The bytes of a program: their SHA-256, and a sealed copy of them that nobody can change between
//! the check and the start.
//!
//! Knows files only. Runs in the gateway and in the stub that becomes the plugin.

use aws_lc_rs::digest::{Context, SHA256};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use sidegate_model::sha256::Sha256;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

const CHUNK: usize = 128 * 1024;
/// How a program in the system's own format begins.
const ELF: &[u8] = b"\x7fELF";

/// Why a program was not started.
#[derive(Debug)]
pub(super) enum LaunchRefusal {
    /// The system does not run it.
    Exec(io::Error),
    /// Its bytes cannot be read or copied.
    Copy(io::Error),
    /// Its bytes have another checksum than was demanded: this one.
    Checksum(Sha256),
    /// It needs another program to run it, whose bytes no checksum was given for.
    Script,
}

/// The checksum of a file, in constant memory.
pub(super) fn digest_of(path: &Path) -> io::Result<Sha256> {
    copy_and_hash(&mut File::open(path)?, &mut io::sink())
}

/// A copy of a program in memory that cannot change any more, made while its checksum was taken.
pub(super) fn seal(path: &Path, demanded: Sha256) -> Result<OwnedFd, LaunchRefusal> {
    let mut program = File::open(path).map_err(LaunchRefusal::Copy)?;
    let mut copy = File::from(memory_file().map_err(LaunchRefusal::Copy)?);
    let found = copy_and_hash(&mut program, &mut copy).map_err(LaunchRefusal::Copy)?;
    if found != demanded {
        return Err(LaunchRefusal::Checksum(found));
    }
    if !is_binary(&copy).map_err(LaunchRefusal::Copy)? {
        return Err(LaunchRefusal::Script);
    }
    let copy = OwnedFd::from(copy);
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&copy, seals).map_err(|e| LaunchRefusal::Copy(e.into()))?;
    Ok(copy)
}

fn copy_and_hash(from: &mut impl Read, to: &mut impl Write) -> io::Result<Sha256> {
    let mut context = Context::new(&SHA256);
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => {
                context.update(&chunk[..length]);
                to.write_all(&chunk[..length])?;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    Ok(Sha256(digest))
}

fn memory_file() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 do not know that it can be asked for, and always give it.
    match memfd_create("plugin", flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => Ok(memfd_create("plugin", flags)?),
        made => Ok(made?),
    }
}

fn is_binary(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    let mut start = [0; ELF.len()];
    let length = file.read_at(&mut start, 0)?;
    Ok(&start[..length] == ELF)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn the_checksum_is_sha_256() {
        assert_eq!(digest_of(file(b"abc").path()).unwrap().to_string(), ABC);
    }

    #[test]
    fn a_sealed_copy_cannot_be_written() {
        let program = file(&[ELF, b"rest"].concat());
        let copy = seal(program.path(), digest_of(program.path()).unwrap()).unwrap();
        let mut copy = File::from(copy);
        assert!(copy.write_all(b"more").is_err());
        assert!(copy.set_len(0).is_err());
    }

    #[test]
    fn other_bytes_and_scripts_are_told_apart() {
        let script = file(b"#!/bin/sh\n");
        let right = digest_of(script.path()).unwrap();
        assert!(matches!(seal(script.path(), right), Err(LaunchRefusal::Script)));
        let wrong = seal(script.path(), Sha256([7; 32]));
        assert!(matches!(wrong, Err(LaunchRefusal::Checksum(found)) if found == right));
        assert!(matches!(seal(Path::new("/nonexistent"), right), Err(LaunchRefusal::Copy(_))));
    }
}
