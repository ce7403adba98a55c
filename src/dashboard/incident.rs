//! The incident report as a file that only its owner can read.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::private_file;

/// Writes a new file into the directory, which is made if need be. A name that is taken gets a number.
pub(super) fn save(dir: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    private_file::make_dir(dir)?;
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, "md"));
    for n in 1..=100 {
        let path = dir.join(if n == 1 { name.to_owned() } else { format!("{stem}-{n}.{extension}") });
        match private_file::options().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                file.sync_all()?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many reports of one second"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_private_and_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("state/redwarden");
        let first = save(&inner, "incident-1.md", "one").unwrap();
        let second = save(&inner, "incident-1.md", "two").unwrap();
        assert_eq!(second.file_name().unwrap(), "incident-1-2.md");
        assert_eq!(std::fs::read_to_string(&first).unwrap(), "one");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert!(save(&first, "x.md", "").is_err(), "a file is no directory");
    }
}
